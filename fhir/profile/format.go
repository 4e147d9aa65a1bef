package profile

import (
	"bytes"

	"cairn/fhir/resource"
)

// format says whether the content of a primitive has its form (FHIR R4 2.24.0.1). JSON kinds are checked before.
type format func(text []byte) bool

var formats = map[string]format{
	"base64Binary": isBase64, "boolean": isBoolean, "canonical": isURI, "code": isCode, "date": isDate, "dateTime": isDateTime,
	"decimal": isDecimal, "id": isID, "instant": isInstant, "integer": isInteger, "markdown": isString, "oid": isOID,
	"positiveInt": isPositive, "string": isString, "time": isTime, "unsignedInt": isUnsigned, "uri": isURI, "url": isURI,
	"uuid": isUUID, "xhtml": isXHTML,
}

// forms tells a reader what each primitive looks like.
var forms = map[string]string{
	"base64Binary": "is base64: groups of four characters, padded with =",
	"boolean":      "is true or false",
	"canonical":    "is a URL without white space, which may end in |version",
	"code":         "is a code: no white space at the ends, no two blanks together",
	"date":         "is a date: YYYY, YYYY-MM or YYYY-MM-DD",
	"dateTime":     "is a date, or a date and time with seconds and a time zone",
	"decimal":      "is a decimal number",
	"id":           "is an id: 1 to 64 letters, digits, hyphens and dots",
	"instant":      "is a date and time with seconds and a time zone",
	"integer":      "is a whole number of 32 bits",
	"markdown":     "is a text of at most 1 MB without control characters",
	"oid":          "is an OID: urn:oid: and numbers with dots between them",
	"positiveInt":  "is a whole number from 1 to 2,147,483,647",
	"string":       "is a text of at most 1 MB without control characters",
	"time":         "is a time of day: hh:mm:ss",
	"unsignedInt":  "is a whole number from 0 to 2,147,483,647",
	"uri":          "is a URI without white space",
	"url":          "is a URL without white space",
	"uuid":         "is a UUID: urn:uuid: and five groups of lower-case hexadecimal digits",
	"xhtml":        "is XHTML",
}

const maxString = 1 << 20 // FHIR R4 2.24.0.1, string

func isString(text []byte) bool {
	if len(text) > maxString {
		return false
	}
	for _, c := range text {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return len(text) > 0
}

func isBoolean(text []byte) bool { return string(text) == "true" || string(text) == "false" }

// isURI allows what RFC 3986 would have escaped, as R4's own expression does.
func isURI(text []byte) bool {
	for _, c := range text {
		if c <= ' ' {
			return false
		}
	}
	return len(text) > 0
}

func isCode(text []byte) bool {
	blank := true
	for _, c := range text {
		if c < ' ' && !isBlank(c) || isBlank(c) && blank {
			return false
		}
		blank = isBlank(c)
	}
	return !blank
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isID(text []byte) bool {
	if len(text) > 64 {
		return false
	}
	for _, c := range text {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	return len(text) > 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func isDate(text []byte) bool {
	switch len(text) {
	case len("2006"), len("2006-01"), len("2006-01-02"):
		return known(text)
	}
	return false
}

func isDateTime(text []byte) bool { return isDate(text) || isInstant(text) }

// isInstant wants seconds and a time zone. Minutes alone are for searches.
func isInstant(text []byte) bool {
	if len(text) < len("2006-01-02T15:04:05Z") || len(text) > 64 || text[16] != ':' {
		return false
	}
	last := text[len(text)-1]
	zone := text[len(text)-6]
	return (last == 'Z' || zone == '+' || zone == '-') && known(text)
}

func known(text []byte) bool {
	_, _, ok := resource.ParseDate(string(text))
	return ok
}

func isTime(text []byte) bool {
	if len(text) < 8 || text[2] != ':' || text[5] != ':' || !below(text[0:2], 24) || !below(text[3:5], 60) || !below(text[6:8], 61) {
		return false
	}
	return len(text) == 8 || len(text) > 9 && text[8] == '.' && allDigits(text[9:])
}

func below(two []byte, limit int) bool {
	return allDigits(two) && int(two[0]-'0')*10+int(two[1]-'0') < limit
}

func allDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return len(text) > 0
}

func isDecimal(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	mantissa, power := text, []byte(nil)
	if at := bytes.IndexAny(text, "eE"); at >= 0 {
		mantissa, power = text[:at], text[at+1:]
		if len(power) > 0 && (power[0] == '+' || power[0] == '-') {
			power = power[1:]
		}
		if !allDigits(power) {
			return false
		}
	}
	whole, fraction, dotted := bytes.Cut(mantissa, []byte("."))
	return natural(whole) && (!dotted || allDigits(fraction))
}

// natural is digits without a zero in front.
func natural(text []byte) bool { return allDigits(text) && (text[0] != '0' || len(text) == 1) }

const greatest = "2147483647"

func isUnsigned(text []byte) bool {
	return natural(text) && (len(text) < len(greatest) || len(text) == len(greatest) && string(text) <= greatest)
}

func isPositive(text []byte) bool { return isUnsigned(text) && text[0] != '0' }

func isInteger(text []byte) bool {
	rest, negative := bytes.CutPrefix(text, []byte("-"))
	return isUnsigned(rest) || negative && string(rest) == "2147483648"
}

func isOID(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("urn:oid:"))
	if !ok || len(rest) < 3 || rest[0] < '0' || rest[0] > '2' {
		return false
	}
	for first := true; ; first = false {
		arc, after, more := bytes.Cut(rest, []byte("."))
		if !natural(arc) || first && (len(arc) != 1 || !more) {
			return false
		}
		if !more {
			return true
		}
		rest = after
	}
}

func isUUID(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("urn:uuid:"))
	if !ok || len(rest) != 36 {
		return false
	}
	for i, c := range rest {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isBase64 is RFC 4648 section 4, with white space between the characters, as much as it likes.
func isBase64(text []byte) bool {
	count, padding := 0, 0
	for _, c := range text {
		switch {
		case isBlank(c):
		case c == '=':
			padding++
		case padding > 0 || !isLetter(c) && !isDigit(c) && c != '+' && c != '/':
			return false
		default:
			count++
		}
	}
	return padding <= 2 && count > 0 && (count+padding)%4 == 0
}

// isXHTML leaves all but being there to the check of narratives. The limit of strings is not one of XHTML.
func isXHTML(text []byte) bool { return len(text) > 0 }
