package life

import "time"

// Day counts days since 1970-01-01.
type Day int

// Moment counts seconds since 1970-01-01T00:00:00Z.
type Moment int64

const minutes Moment = 60

// at returns a minute of the day.
func (d Day) at(minute int) Moment {
	return Moment(d)*86_400 + Moment(minute)*minutes
}

func (d Day) date() time.Time {
	return time.Unix(int64(d)*86_400, 0).UTC()
}

// String gives the FHIR date.
func (d Day) String() string {
	return d.date().Format(time.DateOnly)
}

// Day returns the day in which the moment lies.
func (m Moment) Day() Day {
	return Day(m / 86_400)
}

// String gives the FHIR instant, to the second, in UTC.
func (m Moment) String() string {
	return string(m.AppendTo(nil))
}

// AppendTo appends the FHIR instant.
func (m Moment) AppendTo(to []byte) []byte {
	return time.Unix(int64(m), 0).UTC().AppendFormat(to, time.RFC3339)
}

// years returns the length of n years in days.
func years(n int) int {
	return n * 1461 / 4
}

// agedYears returns the completed years of life at a day.
func agedYears(birth, at Day) int {
	b, a := birth.date(), at.date()
	n := a.Year() - b.Year()
	if a.Month() < b.Month() || a.Month() == b.Month() && a.Day() < b.Day() {
		n--
	}
	return n
}

// agedMonths returns the months of life at a day, to about a day.
func agedMonths(birth, at Day) int {
	return int(at-birth) * 48 / 1461
}
