package resource

import "math"

// Past and Future stand for the open ends of a range of time.
const (
	Past   int64 = math.MinInt64
	Future int64 = math.MaxInt64
)

const (
	milli       int64 = 1
	wholeSecond       = 1000 * milli
	wholeMinute       = 60 * wholeSecond
	wholeHour         = 60 * wholeMinute
	wholeDay          = 24 * wholeHour
)

// ParseDate reads a FHIR date, dateTime or instant (FHIR R4 2.24.0.1) as the range [lo, hi) of Unix milliseconds that
// its precision leaves open: a year, month, day, minute, second or fraction of a second. Digits beyond the millisecond
// are dropped. A value with no time zone is taken as UTC. Minutes without seconds are read too, as FHIR allows them in
// searches (FHIR R4 3.1.1.4.5.1).
func ParseDate(s string) (lo, hi int64, ok bool) {
	p := dateReader{rest: s}
	year := p.number(4)
	if p.bad || year == 0 {
		return 0, 0, false
	}
	if p.rest == "" {
		return days(year, 1, 1) * wholeDay, days(year+1, 1, 1) * wholeDay, true
	}
	month := p.after('-', 1, 12)
	if p.rest == "" && !p.bad {
		next := days(year+month/12, month%12+1, 1)
		return days(year, month, 1) * wholeDay, next * wholeDay, true
	}
	day := p.after('-', 1, lastDay(year, month))
	lo = days(year, month, day) * wholeDay
	if p.rest == "" && !p.bad {
		return lo, lo + wholeDay, true
	}
	offset, width := p.clock()
	return lo + offset, lo + offset + width, !p.bad
}

// dateReader takes a date apart from the left. After a mistake bad stays set.
type dateReader struct {
	rest string
	bad  bool
}

func (p *dateReader) number(digits int) int64 {
	if len(p.rest) < digits {
		p.bad = true
		return 0
	}
	var n int64
	for i := range digits {
		c := p.rest[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	p.rest = p.rest[digits:]
	return n
}

// after reads a separator and two digits that lie between least and most.
func (p *dateReader) after(separator byte, least, most int64) int64 {
	if !p.take(separator) {
		p.bad = true
		return least
	}
	n := p.number(2)
	if n < least || n > most {
		p.bad = true
		return least
	}
	return n
}

func (p *dateReader) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// clock reads "Thh:mm[:ss[.f]][zone]" as milliseconds after midnight UTC and the width of what is left open.
func (p *dateReader) clock() (offset, width int64) {
	offset = p.after('T', 0, 23)*wholeHour + p.after(':', 0, 59)*wholeMinute
	width = wholeMinute
	if p.rest != "" && p.rest[0] == ':' {
		offset += p.after(':', 0, 60) * wholeSecond
		width = wholeSecond
		if p.take('.') {
			var fraction int64
			fraction, width = p.fraction()
			offset += fraction
		}
	}
	return offset - p.zone(), width
}

func (p *dateReader) fraction() (value, width int64) {
	width = wholeSecond
	read := 0
	for ; read < len(p.rest) && p.rest[read] >= '0' && p.rest[read] <= '9'; read++ {
		if width > milli {
			width /= 10
			value += int64(p.rest[read]-'0') * width
		}
	}
	p.bad = p.bad || read == 0
	p.rest = p.rest[read:]
	return value, width
}

// zone reads what is left, "Z" or an offset of at most fourteen hours, as milliseconds east of UTC.
func (p *dateReader) zone() int64 {
	if p.rest == "" || p.rest == "Z" {
		p.rest = ""
		return 0
	}
	sign := int64(1)
	if p.rest[0] == '-' {
		sign = -1
	}
	east := p.after(p.sign(), 0, 14)*wholeHour + p.after(':', 0, 59)*wholeMinute
	p.bad = p.bad || p.rest != "" || east > 14*wholeHour
	return sign * east
}

func (p *dateReader) sign() byte {
	if p.rest[0] == '-' {
		return '-'
	}
	return '+'
}

func lastDay(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days counts the days from 1970-01-01 to a date of the proleptic Gregorian calendar, with years that begin in March
// so that the leap day comes last.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	const epoch = 719468 // days from 0000-03-01 to 1970-01-01
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - epoch
}

// instant reports whether s is a FHIR instant: a date and time to the second at least, with a time zone.
func instant(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || s[16] != ':' {
		return false
	}
	last := s[len(s)-1]
	zoned := last == 'Z' || s[len(s)-6] == '+' || s[len(s)-6] == '-'
	_, _, ok := ParseDate(s)
	return ok && zoned
}
