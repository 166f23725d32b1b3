package pgpmime

import (
	"bytes"

	"golang.org/x/net/html"
)

// bodyStart returns where the content of a document's body begins: behind the start tag of body, or where a reader takes it
// to be if it is left out (HTML, section 13.1.2.4). It reports false if there is none, or none in the opening of the
// document; whole tells that this is all of it.
func bodyStart(opening []byte, whole bool) (int, bool) {
	z := html.NewTokenizer(bytes.NewReader(opening))
	start, end := 0, 0 // start is behind what is known to be no content, end behind the last token
	within := ""       // an element of the head that has content
	for {
		kind := z.Next()
		end += len(z.Raw())
		name, _ := z.TagName()
		switch {
		case kind == html.ErrorToken:
			return start, whole && within == ""
		case within != "":
			if kind == html.EndTagToken && string(name) == within {
				within, start = "", end
			}
			continue
		case kind == html.TextToken:
			if len(bytes.TrimSpace(z.Raw())) > 0 {
				return start, true
			}
			continue
		case kind == html.StartTagToken || kind == html.SelfClosingTagToken:
			switch string(name) {
			case "body":
				return end, true
			case "frameset":
				return 0, false
			case "html", "head", "meta", "link", "base", "basefont", "bgsound":
			case "title", "style", "script", "noscript", "template":
				within = string(name)
			default:
				return start, true
			}
		}
		start = end
	}
}
