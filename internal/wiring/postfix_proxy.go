package wiring

import "slices"

// proxied reports whether a listener hands what clients send to a filter before it is queued (SMTPD_PROXY_README).
func (k *postfixCheck) proxied() bool {
	return slices.ContainsFunc(k.Services, func(s Service) bool { return s.Command == "smtpd" && k.value(s, "smtpd_proxy_filter") != "" })
}

// proxy looks at a listener that hands its mail to such a filter, and reports whether what comes in there is shown to
// sealmilter as a whole. Milters see the envelope of such mail, but neither header nor text (MILTER_README, "Limitations").
func (k *postfixCheck) proxy(topic string, s Service) bool {
	filter := k.value(s, "smtpd_proxy_filter")
	if filter == "" {
		return true
	}
	if slices.ContainsFunc(k.Services, func(back Service) bool {
		return back.Command == "smtpd" && back.isLoopback() && !back.isAt(k.config.Reinject) && k.value(back, "smtpd_proxy_filter") == "" &&
			k.here.find(parseFilters(k.value(back, "smtpd_milters"))) >= 0
	}) {
		k.warning(topic, "smtpd_proxy_filter = "+filter+" gets its mail before sealmilter, which sees it when the filter hands it back, and is not told of the client's login then",
			"see to it that the filter hands its mail back to a listener that asks sealmilter, and that a milter in smtpd_milters would not do instead")
		return false
	}
	k.error(topic, "smtpd_proxy_filter = "+filter+": Postfix shows milters no text of mail that goes to such a filter, so nothing is sealed",
		"make a milter of the filter, or have sealmilter asked at the listener to which it hands its mail back, with smtpd_proxy_filter= there")
	return false
}
