package er7

import (
	"strings"
	"time"
)

// Moment is a time to the precision that a message gives (data types DT, TS and
// DTM, HL7 v2.8.2 2A.3.22): a year at least. The zero Moment is none.
type Moment struct {
	digits   string // YYYY[MM[DD[HH[MM[SS]]]]]
	fraction string // of a second, without the point
	zone     string // "+hhmm" or "-hhmm", "" where the message does not say
}

// Moment reads the value as a time. An empty value and null are no moment and
// no error.
func (v Value) Moment() (Moment, error) {
	text, err := v.Text()
	if err != nil || text == "" {
		return Moment{}, err
	}
	t, ok := parseMoment(text)
	if !ok {
		return Moment{}, v.Wrong(DataType, "this is not a time: YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]")
	}
	return t, nil
}

func parseMoment(text string) (t Moment, ok bool) {
	if i := strings.IndexAny(text, "+-"); i >= 0 {
		text, t.zone = text[:i], text[i:]
		if !offset(t.zone) {
			return Moment{}, false
		}
	}
	t.digits, t.fraction, ok = strings.Cut(text, ".")
	if ok && (len(t.digits) != 14 || len(t.fraction) == 0 || len(t.fraction) > 9 || !digits(t.fraction)) {
		return Moment{}, false
	}
	if n := len(t.digits); n < 4 || n > 14 || n%2 != 0 || !digits(t.digits) {
		return Moment{}, false
	}
	full := t.digits + "00000101000000"[len(t.digits):]
	_, err := time.Parse("20060102150405", full)
	return t, err == nil && t.digits[:4] != "0000"
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// offset tells whether s is a time zone that FHIR can hold: at most 14 hours.
func offset(s string) bool {
	return len(s) == 5 && digits(s[1:]) && s[1:3] <= "14" && s[3:] <= "59" && (s[1:3] < "14" || s[3:] == "00")
}

// IsZero tells whether this is no moment.
func (t Moment) IsZero() bool { return t.digits == "" }

// Timed tells whether the moment has a time of day.
func (t Moment) Timed() bool { return len(t.digits) > 8 }

// Date returns the day as a FHIR date, or less where less is known.
func (t Moment) Date() string {
	switch len(t.digits) {
	case 0:
		return ""
	case 4:
		return t.digits
	case 6:
		return t.digits[:4] + "-" + t.digits[4:6]
	}
	return t.digits[:4] + "-" + t.digits[4:6] + "-" + t.digits[6:8]
}

// DateTime returns the moment as a FHIR dateTime. A time of day without an
// offset is one of the sender's zone; minutes and seconds that it does not give
// are zero, since FHIR has no hour alone.
func (t Moment) DateTime(zone *time.Location) string {
	if !t.Timed() {
		return t.Date()
	}
	at := t.in(zone)
	layout := "2006-01-02T15:04:05"
	if t.fraction != "" {
		layout += "." + strings.Repeat("0", len(t.fraction))
	}
	return at.Format(layout + "Z07:00")
}

// Instant returns the moment as a FHIR instant; "" if no time of day is known.
func (t Moment) Instant(zone *time.Location) string {
	if !t.Timed() {
		return ""
	}
	return t.DateTime(zone)
}

// Time returns the beginning of what the moment leaves open.
func (t Moment) Time(zone *time.Location) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.in(zone)
}

func (t Moment) in(zone *time.Location) time.Time {
	full := t.digits + "00000101000000"[len(t.digits):]
	if t.fraction != "" {
		full += "." + t.fraction
	}
	if t.zone != "" {
		at, _ := time.Parse("20060102150405.999999999-0700", full+t.zone) // it was checked when it was read
		return at
	}
	at, _ := time.ParseInLocation("20060102150405.999999999", full, zone)
	return at
}

// Clock reads the value as a time of day (TM, HH[MM[SS[.S]]][+/-ZZZZ]) and
// returns a FHIR time, which has no zone; "" for an empty value and null.
func (v Value) Clock() (string, error) {
	text, err := v.Text()
	if err != nil || text == "" {
		return "", err
	}
	if i := strings.IndexAny(text, "+-"); i >= 0 && offset(text[i:]) {
		text = text[:i]
	}
	clock, fraction, dot := strings.Cut(text, ".")
	full := clock + "000000"[min(len(clock), 6):]
	_, bad := time.Parse("150405", full)
	if bad != nil || len(clock) < 2 || len(clock)%2 != 0 || dot && (len(clock) != 6 || len(fraction) == 0 || len(fraction) > 9 || !digits(fraction)) {
		return "", v.Wrong(DataType, "this is not a time of day: HH[MM[SS[.S]]]")
	}
	out := full[:2] + ":" + full[2:4] + ":" + full[4:6]
	if dot {
		out += "." + fraction
	}
	return out, nil
}
