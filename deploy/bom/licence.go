package bom

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// legal matches the names of files that say who may do what.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)([-._].*)?$`)

func aboutLicence(e fs.DirEntry) bool {
	switch path.Ext(e.Name()) {
	case ".go", ".sh", ".py":
		return false
	}
	return e.Type().IsRegular() && legal.MatchString(e.Name())
}

// mainText matches the file with the licence of a module itself.
var mainText = regexp.MustCompile(`(?i)^(licen[cs]e|copying)(\.(md|txt))?$`)

// mainLicence returns the SPDX identifier of a module's own licence, "" if there is none or it is unknown.
func mainLicence(texts []Text) string {
	for _, t := range texts {
		if mainText.MatchString(t.Name) {
			return Identify(t.Content)
		}
	}
	return ""
}

// phrases are those by which the licences are told apart that let everybody link the code and hand it on.
var phrases = []struct {
	licence string
	all     []string
}{
	{"Apache-2.0", []string{"apache license version 2.0"}},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy of this software"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote products derived from"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms", "in the documentation and/or other materials"}},
}

// foreign are words of licences that ask for more, whatever else the text has.
var foreign = []string{"gnu general public", "gnu affero", "gnu lesser", "commons clause", "all advertising materials"}

// Identify returns the SPDX identifier of a licence by its text, "" if it is none of those that are known.
func Identify(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return strings.ContainsRune(" \t\r\n*#>", r)
	}), " ")
	for _, f := range foreign {
		if strings.Contains(text, f) {
			return ""
		}
	}
next:
	for _, p := range phrases {
		for _, phrase := range p.all {
			if !strings.Contains(text, phrase) {
				continue next
			}
		}
		return p.licence
	}
	return ""
}
