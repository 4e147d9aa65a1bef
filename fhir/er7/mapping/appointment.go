package mapping

import (
	"strings"
	"time"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// appointment maps SIU: SCH with its resources becomes an Appointment.
func (x *mapper) appointment(e event) {
	x.patient()
	x.stay(e)
	sch := x.the("SCH")
	if !sch.Exists() {
		return
	}
	filler, byFiller := x.Entity(sch.Field(2).First(), "FILL")
	placer, byPlacer := x.Entity(sch.Field(1).First(), "PLAC")
	key := "filler " + byFiller
	if byFiller == "" {
		key = "placer " + byPlacer
	}
	if byFiller == "" && byPlacer == "" {
		x.Fail(sch.Field(2).Wrong(er7.RequiredMissing, "the appointment has neither a filler's nor a placer's number"))
	}
	body := element.Object{"status": x.booked(sch, e)}
	body.Push("identifier", placer)
	body.Push("identifier", filler)
	x.slot(sch, body)
	x.purpose(sch, body)
	x.attendance(body)
	x.Add(element.Entry{Type: "Appointment", ID: x.ID("Appointment", x.of.Patient, key), Mode: element.Merge, Elements: body})
}

// booked reads the state: SCH-25, else what the event means.
func (x *mapper) booked(sch er7.Segment, e event) string {
	code := strings.ToUpper(x.Coded(sch.Field(25), "0278"))
	if code == "" || e.visit != "booked" {
		return e.visit
	}
	state, ok := appointmentStates[code]
	if !ok {
		x.Fail(sch.Field(25).Wrong(er7.TableValue, "this code is not one of table HL70278 that is supported; a code of the sender's own can be translated in its configuration"))
	}
	return state
}

// slot reads from when to when: TQ1, SCH-11, else the first service.
func (x *mapper) slot(sch er7.Segment, body element.Object) {
	tq1, ais := x.m.Find("TQ1"), x.m.Find("AIS")
	from := either(either(tq1.Field(7), sch.Field(11).Component(4)), ais.Field(4))
	until := either(tq1.Field(8), sch.Field(11).Component(5))
	start, end := x.Moment(from), x.Moment(until)
	length, known := x.minutes(either(sch.Field(9), ais.Field(7)), either(sch.Field(10), ais.Field(8)))
	if end.IsZero() && known && start.Timed() {
		body.Put("end", start.Time(x.Sender.Zone).Add(length).Format("2006-01-02T15:04:05Z07:00"))
	} else {
		body.Put("end", end.Instant(x.Sender.Zone))
	}
	body.Put("start", start.Instant(x.Sender.Zone))
	if known && length >= time.Minute {
		body["minutesDuration"] = int(length / time.Minute)
	}
	// An appointment that is to take place has a time (FHIR R4 app-3).
	if may := map[string]bool{"proposed": true, "cancelled": true, "waitlist": true}; !may[body.Text("status")] && (body["start"] == nil || body["end"] == nil) {
		x.Fail(sch.Field(11).Wrong(er7.RequiredMissing, "the start or the end, or the duration, of the appointment is missing"))
	}
}

// units are those of time in table HL70254 and UCUM.
var units = map[string]time.Duration{"": time.Minute, "MIN": time.Minute, "M": time.Minute, "MINUTES": time.Minute, "MINUTE": time.Minute, "S": time.Second, "SEC": time.Second,
	"H": time.Hour, "HR": time.Hour, "HOUR": time.Hour, "HOURS": time.Hour, "D": 24 * time.Hour}

// minutes reads a duration and its units.
func (x *mapper) minutes(n, unit er7.Value) (time.Duration, bool) {
	number := x.Whole(n.First(), 1)
	each, ok := units[strings.ToUpper(x.Word(unit.First().Component(1)))]
	if number == "" || !ok {
		return 0, false
	}
	count, _ := number.Int64() // whole has seen that it is one
	if count > 366*24*60 {
		x.Fail(n.Wrong(er7.DataType, "this lasts longer than a year"))
		return 0, false
	}
	return time.Duration(count) * each, true
}

// purpose reads why, of which kind and for which service.
func (x *mapper) purpose(sch er7.Segment, body element.Object) {
	why := x.Codeable(sch.Field(6), "")
	if body.Text("status") == "cancelled" {
		body.Put("cancelationReason", why)
	}
	body.Push("reasonCode", x.Codeable(sch.Field(7), "0276"))
	body.Put("appointmentType", x.Codeable(sch.Field(8), "0277"))
	var notes []string
	for _, s := range x.m.Segments() {
		switch s.Name {
		case "AIS":
			body.Push("serviceType", x.Codeable(s.Field(3), ""))
		case "NTE":
			notes = append(notes, x.Long(s.Field(3).First()))
		}
	}
	body.Put("comment", strings.TrimSpace(strings.Join(notes, "\n")))
}

// attendance reads who takes part: the patient, persons, places and other
// resources.
func (x *mapper) attendance(body element.Object) {
	agreed := "accepted"
	if s := body.Text("status"); s == "pending" || s == "waitlist" {
		agreed = "needs-action"
	}
	body.Push("participant", element.Object{"actor": x.subject(), "status": agreed})
	for _, s := range x.m.Segments() {
		var who element.Object
		switch s.Name {
		case "AIP":
			who = x.Practitioner(s.Field(3).First())
		case "AIL":
			who = x.Location(s.Field(3).First())
		case "AIG":
			if name := x.Text(s.Field(3).Component(2)); name != "" {
				who = element.Object{"display": name, "type": "Device"}
			}
		default:
			continue
		}
		if who == nil {
			x.Fail(s.Field(3).Wrong(er7.RequiredMissing, "who or what takes part is missing"))
			continue
		}
		part := element.Object{"actor": who, "status": agreed}
		part.Push("type", x.Codeable(s.Field(4), ""))
		body.Push("participant", part)
	}
}
