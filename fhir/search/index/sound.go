package index

import (
	"strings"
	"unicode"
)

// Phonetic is the name of the parameter that compares names by their sound.
const Phonetic = "phonetic"

// Words is the runs of letters and digits in a folded string.
func Words(folded string) []string {
	return strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Soundex is the American Soundex code of a folded word in lower case ("robert" and "rupert" are "r163"), or "" for a
// word without a letter from a to z at its beginning.
func Soundex(word string) string {
	if word == "" || word[0] < 'a' || word[0] > 'z' {
		return ""
	}
	code := []byte{word[0], '0', '0', '0'}
	last, n := sounds[word[0]-'a'], 1
	for i := 1; i < len(word) && n < len(code); i++ {
		if word[i] < 'a' || word[i] > 'z' {
			continue
		}
		switch sound := sounds[word[i]-'a']; {
		case sound == 'h': // h and w do not part two letters of one sound
		case sound == '0':
			last = sound
		case sound != last:
			code[n], last = sound, sound
			n++
		}
	}
	return string(code)
}

// sounds is the class of each letter: 0 for vowels, h for h and w.
const sounds = "0123012h02245501262301h202"
