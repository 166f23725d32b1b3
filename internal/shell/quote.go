// Package shell writes command lines that people are told to type, and may paste as they are: words in them that
// somebody else has chosen, such as addresses, mean nothing to the shell.
package shell

import "strings"

// Quote returns words as the shell reads them, with a blank between each two (POSIX.1, section 2.2).
func Quote(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

func quote(word string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Arguments returns words as the last arguments of a command line: one that begins with a hyphen is no option.
func Arguments(words ...string) string { return Quote(AsArguments(words...)...) }

// AsArguments returns the words with what has a command take them for arguments, whatever they begin with.
func AsArguments(words ...string) []string {
	for _, word := range words {
		if strings.HasPrefix(word, "-") {
			return append([]string{"--"}, words...)
		}
	}
	return words
}
