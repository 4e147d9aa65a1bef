package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/fhir/er7"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/feed"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/record"
	"cairn/node/store"
	"cairn/proof"
)

// messages is the configuration of a hospital that takes messages of two
// systems: one that may bring patients, and a laboratory that may not.
const messages = `
[mllp]
listen = "127.0.0.1:2575"
queue = 3

[[sender]]
name = "adt"
application = "ADTSYS"
facility = "NORTH"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]

[[sender]]
name = "lab"
application = "LAB"
client = "ehr"
purpose = "HOPERAT"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]
new_patients = []
`

// ward is a running hospital that takes messages, and who speaks to it.
type ward struct {
	*testing.T
	*Node
	ctx context.Context
}

// runFeed opens a hospital that takes messages, runs it, and calls f with it.
func runFeed(t *testing.T, more string, f func(w *ward)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "north")
	if err := Found("test", []Founder{{ID: "north", Name: "North Hospital", Dir: dir, Listen: free(t), P2P: free(t)}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cairn.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, (messages+more)...), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := ReadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	onStore(t, &cfg)
	runNode(t, cfg, f)
}

// runNode opens a hospital, runs it, and calls f with it.
func runNode(t *testing.T, cfg Config, f func(w *ward)) {
	t.Helper()
	n, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err = n.Run(ctx, func(ctx context.Context) error {
		defer cancel()
		for n.Chain.Fresh(time.Now().UnixMilli()) != nil || n.Chain.Height() == 0 {
			if ctx.Err() != nil {
				return errors.New("the ledger does not begin")
			}
			time.Sleep(10 * time.Millisecond)
		}
		f(&ward{t, n, ctx})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// send has a message taken. Segments are separated by line feeds.
func (w *ward) send(message string) feed.Answer {
	return w.Feed.Receive(w.ctx, feed.Source{}, []byte(strings.ReplaceAll(message, "\n", "\r")))
}

// expect sends a message and wants an acknowledgement, and where it is not AA
// the place and code of the first error.
func (w *ward) expect(code er7.Ack, place string, number er7.Code, message string) {
	w.Helper()
	a := w.send(message)
	if a.Code != code {
		w.Fatalf("%s, want %s: %v", a.Code, code, a.Errors)
	}
	if code != er7.Accept && (a.Errors[0].At.String() != place || a.Errors[0].Code != number) {
		w.Errorf("%d %v, want %d at %s", a.Errors[0].Code, a.Errors[0], number, place)
	}
}

// as signs a client of the hospital in.
func (w *ward) as(client string, b2b *identity.B2B) identity.Actor {
	w.Helper()
	key, err := keys.ReadClient(filepath.Join(w.Config.Keys, client+".pem"))
	if err != nil {
		w.Fatal(err)
	}
	now := time.Now()
	assertion, err := identity.SignAssertion(key, identity.Claims{
		Issuer: client, Subject: client, Audience: jwt.Audience{w.Config.URL + "/auth/token"},
		Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: uuid.NewString(), Extensions: identity.Extensions{B2B: b2b},
	})
	if err != nil {
		w.Fatal(err)
	}
	token, err := w.Door.SignIn(w.ctx, assertion, nil, nil)
	if err != nil {
		w.Fatal(err)
	}
	return token.Actor
}

// purpose vouches for nobody, with a purpose.
func purpose(code string) *identity.B2B {
	return &identity.B2B{Version: "1", OrganizationID: "north", PurposeOfUse: []string{code}}
}

// found searches as the EHR.
func (w *ward) found(typ, query string) []map[string]any {
	w.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		w.Fatal(err)
	}
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		w.Fatal(err)
	}
	q.Count = 200
	page, err := w.Records.Search(w.ctx, w.as("ehr", purpose("TREAT")), q, typ+"?"+query)
	if err != nil {
		w.Fatal(err)
	}
	var out []map[string]any
	for _, v := range page.Versions {
		var r map[string]any
		if err := json.Unmarshal(v.Raw, &r); err != nil {
			w.Fatal(err)
		}
		r["version"] = v.Version
		out = append(out, r)
	}
	return out
}

// one is found where one is expected.
func (w *ward) one(typ, query string) map[string]any {
	w.Helper()
	all := w.found(typ, query)
	if len(all) != 1 {
		w.Fatalf("%d of %s?%s, want one", len(all), typ, query)
	}
	return all[0]
}

// entries opens the log's entries about a patient, oldest first.
func (w *ward) entries(subject string) (out []proof.Event) {
	w.Helper()
	err := w.store.View(w.ctx, func(v *store.View) error {
		rows, err := v.Entries(subject, 1<<62, 1000)
		for i := len(rows) - 1; err == nil && i >= 0; i-- {
			opened, failed := w.journal.Open(rows[i])
			out, err = append(out, opened.Event), failed
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func adt(event, id, number, rest string) string {
	return fmt.Sprintf("MSH|^~\\&|ADTSYS|NORTH|||20240131124500||ADT^%s|%s|P|2.5.1\nEVN||20240131124500\nPID|1||%s^^^NORTH^MR||%s", event, id, number, rest)
}

func oru(id, number, value, status string) string {
	return fmt.Sprintf("MSH|^~\\&|LAB|SOUTH|||20240131150000||ORU^R01|%s|P|2.5.1\nPID|1||%s^^^NORTH^MR\nOBR|1||F-1^LAB|24323-8^Panel^LN|||20240131130000|||||||||||||||||CH|%s\nOBX|1|NM|2345-7^Glucose^LN||%s|mg/dL^^UCUM|||||%s", id, number, status, value, status)
}

// TestFeedWritesOnce: a message is stored once, however often it is sent; a
// correction changes the record of the first; another message under the same
// control id is refused.
func TestFeedWritesOnce(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		w.expect(er7.Fault, "PID-3", er7.UnknownKey, oru("L1", "17", "98.5", "F"))
		w.expect(er7.Accept, "", 0, adt("A28", "A1", "17", "Hartley^Alice||19800317|F"))
		patient := w.one("Patient", "identifier=urn:oid:1.2.3.4|17")
		w.expect(er7.Accept, "", 0, oru("L1", "17", "98.5", "F"))
		for range 3 {
			if a := w.send(oru("L1", "17", "98.5", "F")); a.Code != er7.Accept || !a.Repeated {
				t.Errorf("a repeat is answered %+v", a)
			}
		}
		glucose := w.one("Observation", "code=2345-7")
		if glucose["version"] != uint64(1) || glucose["subject"].(map[string]any)["reference"] != "Patient/"+patient["id"].(string) { //nolint:forcetypeassert // a test
			t.Errorf("%v", glucose)
		}
		w.expect(er7.Fault, "MSH-10", er7.DuplicateKey, oru("L1", "17", "99", "F"))
		w.expect(er7.Accept, "", 0, oru("L2", "17", "89.5", "C"))
		corrected := w.one("Observation", "code=2345-7")
		if corrected["id"] != glucose["id"] || corrected["version"] != uint64(2) || corrected["status"] != "corrected" {
			t.Errorf("%v", corrected)
		}
		if report := w.one("DiagnosticReport", "patient="+patient["id"].(string)); report["version"] != uint64(2) || len(report["result"].([]any)) != 1 { //nolint:forcetypeassert // a test
			t.Errorf("%v", report)
		}
		if n := len(w.found("Provenance", "target=Observation/"+glucose["id"].(string))); n != 2 { //nolint:forcetypeassert // a test
			t.Errorf("%d provenances", n)
		}
		// Nothing changed, nothing is written.
		w.expect(er7.Accept, "", 0, adt("A31", "A2", "17", "Hartley^Alice||19800317|F"))
		if again := w.one("Patient", "identifier=urn:oid:1.2.3.4|17"); again["version"] != patient["version"] {
			t.Errorf("version %v of %v", again["version"], patient["version"])
		}
	})
}

// TestFeedFindsWhoIsThere: a patient whom the EHR made is found by her
// identifier; what the EHR wrote stays; identifiers of two patients are refused.
func TestFeedFindsWhoIsThere(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		ehr := w.as("ehr", nil)
		for _, number := range []string{"5", `6|,\\$`} {
			if _, err := w.Records.Create(w.ctx, ehr, "Patient", []byte(`{"resourceType":"Patient","photo":[{"title":"x"}],"identifier":[{"system":"urn:oid:1.2.3.4","value":"`+number+`"}]}`)); err != nil {
				t.Fatal(err)
			}
		}
		w.expect(er7.Accept, "", 0, adt("A31", "A1", "5", "Abbott^Ivy||20230905|F"))
		p := w.one("Patient", "family=Abbott")
		if p["version"] != uint64(2) || p["photo"] == nil || p["gender"] != "female" {
			t.Errorf("%v", p)
		}
		w.expect(er7.Accept, "", 0, adt("A31", "A2", `6\F\,\E\$`, "Marsh^Edith"))
		if p := w.one("Patient", "family=Marsh"); p["version"] != uint64(2) {
			t.Errorf("%v", p)
		}
		// An identifier that a message made a patient of, and somebody took away, is nobody's.
		w.expect(er7.Accept, "", 0, adt("A28", "A4", "7", "Lockwood^Nora"))
		nora := w.one("Patient", "family=Lockwood")
		id, _ := nora["id"].(string)
		if _, err := w.Records.Update(w.ctx, ehr, "Patient", id, []byte(`{"resourceType":"Patient","id":"`+id+`","identifier":[{"system":"urn:oid:1.2.3.4","value":"8"}]}`), record.Expect{}); err != nil {
			t.Fatal(err)
		}
		w.expect(er7.Fault, "PID-3", er7.UnknownKey, adt("A31", "A5", "7", "Lockwood^Nora"))
		w.expect(er7.Fault, "PID-3", er7.DuplicateKey, adt("A31", "A3", `5^^^NORTH^MR~6\F\,\E\$`, "Marsh^Edith"))
	})
}

// TestFeedMerge: after a merge the prior patient is no more, and who still uses
// her number writes to the surviving one.
func TestFeedMerge(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		w.expect(er7.Accept, "", 0, adt("A28", "A1", "1", "Thorne^Clara"))
		w.expect(er7.Accept, "", 0, adt("A28", "A2", "2", "Thorne^Klara"))
		w.expect(er7.Fault, "MRG-1", er7.UnknownKey, adt("A40", "A3", "1", "Thorne^Clara\nMRG|3^^^NORTH^MR"))
		w.expect(er7.Accept, "", 0, adt("A40", "A4", "1", "Thorne^Clara\nMRG|2^^^NORTH^MR"))
		stays, gone := w.one("Patient", "identifier=1&active=true"), w.one("Patient", "identifier=2&active=false")
		link := gone["link"].([]any)[0].(map[string]any)                                                                     //nolint:forcetypeassert // a test
		if link["type"] != "replaced-by" || link["other"].(map[string]any)["reference"] != "Patient/"+stays["id"].(string) { //nolint:forcetypeassert // a test
			t.Errorf("%v", link)
		}
		w.expect(er7.Accept, "", 0, oru("L1", "2", "1", "F"))
		w.one("Observation", "patient="+stays["id"].(string)) //nolint:forcetypeassert // a test
		w.expect(er7.Accept, "", 0, adt("A40", "A5", "1", "Thorne^Clara\nMRG|2^^^NORTH^MR"))
	})
}

// TestFeedRejects: who may not send, and what is not meant for here, is turned
// away and not kept.
func TestFeedRejects(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		good := adt("A28", "A1", "1", "Thorne^Clara")
		for name, c := range map[string]struct {
			message, place string
			code           er7.Code
		}{
			"another application": {strings.Replace(good, "ADTSYS", "OTHER", 1), "MSH-3", er7.ApplicationError},
			"another facility":    {strings.Replace(good, "NORTH", "SOUTH", 1), "MSH-3", er7.ApplicationError},
			"a test message":      {strings.Replace(good, "|P|", "|T|", 1), "MSH-11", er7.UnsupportedID},
			"no message":          {"hello", "MSH", er7.SegmentSequence},
		} {
			t.Run(name, func(t *testing.T) {
				w.expect(er7.Reject, c.place, c.code, c.message)
			})
		}
		if q, err := w.Feed.List(w.ctx, w.as("operator", nil), ""); err != nil || len(q.Waiting) != 0 || q.Rejected != 4 {
			t.Errorf("%+v %v", q, err)
		}
	})
}

// TestFeedQueue: refused messages are kept, shown to whom they may be shown,
// replayed and discarded; a full queue keeps what it has and says so.
func TestFeedQueue(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		operator, ehr := w.as("operator", nil), w.as("ehr", purpose("HOPERAT"))
		w.expect(er7.Fault, "PID-3", er7.UnknownKey, oru("L1", "17", "98.5", "F"))
		w.expect(er7.Fault, "PID-3", er7.UnknownKey, oru("L1", "17", "98.5", "F")) // counted, not kept twice
		w.expect(er7.Accept, "", 0, adt("A28", "A1", "17", "Hartley^Alice"))
		w.expect(er7.Fault, "OBX-5.1", er7.DataType, oru("L2", "17", "SECRET", "F"))
		w.expect(er7.Fault, "MSH-12", er7.UnsupportedVer, strings.Replace(oru("L3", "17", "1", "F"), "|2.5.1", "|1.9", 1))
		a := w.send(oru("L4", "18", "1", "F"))
		if a.Code != er7.Reject || a.Kept || !strings.Contains(a.Errors[0].Text, "queue full") {
			t.Errorf("a full queue answers %+v", a)
		}

		q, err := w.Feed.List(w.ctx, operator, "")
		if err != nil || len(q.Waiting) != 3 || q.Messages != 3 {
			t.Fatalf("%+v %v", q, err)
		}
		text, err := json.Marshal(q)
		if err != nil || strings.Contains(string(text), "SECRET") || strings.Contains(string(text), "Hartley") {
			t.Errorf("the list tells what messages say: %s", text)
		}
		first, second := q.Waiting[0], q.Waiting[1]
		if first.Times != 2 || first.Sender != "lab" || first.Kind != "ORU^R01" || second.Reasons[0].Place != "OBX-5.1" {
			t.Errorf("%+v", q.Waiting)
		}

		patient := w.one("Patient", "family=Hartley")["id"].(string) //nolint:forcetypeassert // a test
		if _, err := w.Feed.Show(w.ctx, operator, second.ID); !fault.Is(err, fault.Refused) || fault.As(err).Code != "policy.write" {
			t.Errorf("the operator is shown a message: %v", err)
		}
		for _, id := range []string{first.ID, second.ID} {
			if _, err := w.Feed.Show(w.ctx, w.as("ehr", purpose("HRESCH")), id); !fault.Is(err, fault.Refused) {
				t.Errorf("a message is shown for research: %v", err)
			}
		}
		raw, err := w.Feed.Show(w.ctx, ehr, second.ID)
		if err != nil || !strings.Contains(string(raw), "SECRET") {
			t.Errorf("%q %v", raw, err)
		}
		if log := w.entries(patient); log[len(log)-1].Action != "feed-show" || log[len(log)-1].Kind != proof.KindAccessAllowed || !strings.Contains(log[len(log)-1].Query, second.ID) {
			t.Errorf("the patient's log ends with %+v", log[len(log)-1])
		}

		if a, err := w.Feed.Replay(w.ctx, operator, first.ID); err != nil || a.Code != er7.Accept {
			t.Errorf("%+v %v", a, err)
		}
		w.one("Observation", "code=2345-7")
		if !slices.ContainsFunc(w.entries(patient), func(e proof.Event) bool { return e.Action == "feed-replay" && e.Kind == proof.KindAdmin }) {
			t.Error("the replay is not in the patient's log")
		}
		if a, err := w.Feed.Replay(w.ctx, operator, second.ID); err != nil || a.Code != er7.Fault {
			t.Errorf("%+v %v", a, err)
		}
		if err := w.Feed.Discard(w.ctx, operator, second.ID); err != nil {
			t.Error(err)
		}
		if log := w.entries(patient); log[len(log)-1].Action != "feed-discard" {
			t.Errorf("the patient's log ends with %+v", log[len(log)-1])
		}
		for _, id := range []string{first.ID, second.ID, "nobody"} {
			if err := w.Feed.Discard(w.ctx, operator, id); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s is discarded again: %v", id, err)
			}
		}
		for _, nobody := range []identity.Actor{{}} {
			if _, err := w.Feed.List(w.ctx, nobody, ""); !fault.Is(err, fault.Refused) {
				t.Errorf("nobody lists: %v", err)
			}
			if _, err := w.Feed.Show(w.ctx, nobody, q.Waiting[2].ID); err == nil {
				t.Error("nobody is shown a message")
			}
			if _, err := w.Feed.Replay(w.ctx, nobody, q.Waiting[2].ID); !fault.Is(err, fault.Refused) {
				t.Errorf("nobody replays: %v", err)
			}
		}
	})
}

// TestFeedAtOnce: many connections send the same and different messages about
// one patient at once: everything is there, once.
func TestFeedAtOnce(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		w.expect(er7.Accept, "", 0, adt("A28", "A0", "1", "Ellison^Maeve"))
		var group sync.WaitGroup
		for sender := range 8 {
			group.Go(func() {
				for i := range 10 {
					id := fmt.Sprintf("L%d", i) // the same at every connection
					if a := w.send(oru(id, "1", fmt.Sprint(i), "F")); a.Code != er7.Accept {
						t.Errorf("%s: %s %v", id, a.Code, a.Errors)
					}
					if a := w.send(adt("A31", fmt.Sprintf("A%d-%d", sender, i), "1", fmt.Sprintf("Ellison^Maeve||||||%d River Road", sender*10+i))); a.Code != er7.Accept {
						t.Errorf("%s %v", a.Code, a.Errors)
					}
				}
			})
		}
		group.Wait()
		if o := w.one("Observation", "code=2345-7"); o["version"] != uint64(10) {
			t.Errorf("version %v after ten results", o["version"])
		}
		if p := w.one("Patient", "identifier=1"); p["version"] != uint64(81) {
			t.Errorf("version %v after eighty changes", p["version"])
		}
	})
}

// TestFeedActor: what a message says is written as its client, for its purpose,
// and in the patient's log.
func TestFeedActor(t *testing.T) {
	runFeed(t, "", func(w *ward) {
		w.expect(er7.Accept, "", 0, adt("A28", "A1", "1", "Kendrick^Ruth"))
		w.expect(er7.Accept, "", 0, oru("L1", "1", "1", "F"))
		patient := w.one("Patient", "identifier=1")["id"].(string) //nolint:forcetypeassert // a test
		seen := map[string]bool{}
		for _, e := range w.entries(patient) {
			if e.Kind == proof.KindRecordStored && e.Actor.Person == "" && e.Actor.Name == "Hospital EHR" {
				seen[e.Records[0].Type+" "+e.Purpose] = true
			}
		}
		for _, want := range []string{"Patient TREAT", "Provenance TREAT", "Observation HOPERAT", "DiagnosticReport HOPERAT", "ServiceRequest HOPERAT"} {
			if !seen[want] {
				t.Errorf("no entry for %s in %v", want, seen)
			}
		}
	})
}

// TestFeedIsOff: without configuration there is no desk, and no actor.
func TestFeedIsOff(t *testing.T) {
	n, _ := open(t)
	if n.Feed != nil {
		t.Error("there is a feed desk")
	}
	if _, err := n.Door.Feed(identity.Feed{Client: "ehr", Purpose: "TREAT"}); !fault.Is(err, fault.Refused) {
		t.Errorf("%v", err)
	}
}
