package network_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/client"
)

// clinic is a hospital of its own, a process that takes HL7 v2 messages.
type clinic struct {
	dir, config, url string
	mllp             string // host:port
	ehr, operator    *client.Client
	process          *exec.Cmd
}

// senders is what a clinic's configuration says of who may send.
const senders = `
[[sender]]
name = "adt"
application = "ADTSYS"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]

[[sender]]
name = "lab"
application = "LAB"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]
`

// newClinic founds a hospital whose listener is configured by more, and starts
// it.
func newClinic(ctx context.Context, t testing.TB, more string) *clinic {
	t.Helper()
	c := &clinic{dir: filepath.Join(t.TempDir(), "clinic"), mllp: freeAddress(t)}
	listen := freeAddress(t)
	if out, err := exec.CommandContext(ctx, binary, "init", "--dir", c.dir, "--listen", listen, "--p2p", freeAddress(t)).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	c.config = filepath.Join(c.dir, "cairn.toml")
	text, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "\n[mllp]\nlisten = \""+c.mllp+"\"\n"+more...)
	if err := os.WriteFile(c.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listen)
	c.url = "http://localhost:" + port
	for name, to := range map[string]**client.Client{"ehr": &c.ehr, "operator": &c.operator} {
		if *to, err = client.New(c.url, "north", name, filepath.Join(c.dir, "keys", name+".pem"), town.Client()); err != nil {
			t.Fatal(err)
		}
	}
	c.ehr = c.ehr.As("p-1", "Dr. Test", "physician", "ward", "TREAT")
	c.start(ctx, t)
	t.Cleanup(c.kill)
	return c
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *clinic) start(ctx context.Context, t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(c.dir, "node.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.process = exec.Command(binary, "serve", "--config", c.config)
	c.process.Stdout, c.process.Stderr = log, log
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		res, err := http.Get(c.url + "/healthz") //nolint:noctx // it is this machine
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	t.Fatalf("the clinic does not become ready: %s", said)
}

// kill ends the process at once, as a power cut would.
func (c *clinic) kill() {
	if c.process != nil {
		c.process.Process.Kill() //nolint:errcheck // it may have ended by itself
		c.process.Wait()         //nolint:errcheck // it was killed
		c.process = nil
	}
}

func (c *clinic) dial(ctx context.Context, t testing.TB) *client.MLLP {
	t.Helper()
	conn, err := client.DialMLLP(ctx, c.mllp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// search returns what a search finds, a hundred at most.
func (c *clinic) search(ctx context.Context, t testing.TB, query string) (out []map[string]any) {
	t.Helper()
	a, err := c.ehr.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Entry []struct{ Resource map[string]any }
	}
	if err := json.Unmarshal(a.Body, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle.Entry {
		out = append(out, e.Resource)
	}
	return out
}

func admit(id, number, name string) []byte {
	return []byte("MSH|^~\\&|ADTSYS|NORTH|||20240131124500||ADT^A28|" + id + "|P|2.5.1\rEVN||20240131124500\rPID|1||" + number + "^^^NORTH^MR||" + name)
}

func result(id, number, order, value string) []byte {
	return []byte("MSH|^~\\&|LAB|NORTH|||20240131150000||ORU^R01|" + id + "|P|2.5.1\rPID|1||" + number + "^^^NORTH^MR\rOBR|1||" + order +
		"^LAB|24323-8^Panel^LN|||20240131130000|||||||||||||||||CH|F\rOBX|1|NM|2345-7^Glucose^LN||" + value + "|mg/dL^^UCUM|||||F")
}

func mustSend(ctx context.Context, t testing.TB, conn *client.MLLP, code string, message []byte) client.Ack {
	t.Helper()
	ack, err := conn.Send(ctx, message)
	if err != nil {
		t.Fatal(err)
	}
	if ack.Code != code {
		t.Fatalf("%s %v, want %s", ack.Code, ack.Faults, code)
	}
	return ack
}

// TestFeedMessages sends one message of each kind over a real connection and
// finds what was made of it.
func TestFeedMessages(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	c := newClinic(ctx, t, strings.ReplaceAll(senders, `application = "LAB"`, `application = "LAB"`+"\nnew_patients = [\"ADT\"]")+`
[[sender]]
name = "others"
application = "EHR"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]
new_patients = ["VXU"]
[[sender]]
name = "trans"
application = "TRANS"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]
[[sender]]
name = "orders"
application = "ORDERS"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]
[[sender]]
name = "sched"
application = "SCHED"
client = "ehr"
zone = "Europe/Berlin"
systems = ["NORTH=urn:oid:1.2.3.4"]
`)
	conn := c.dial(ctx, t)
	for _, file := range []string{"adt-a01", "adt-a02", "orm-o01", "oru-r01", "mdm-t01", "mdm-t02", "mdm-t10", "siu-s12", "adt-a03", "adt-a13", "siu-s15", "adt-a08"} {
		raw, err := os.ReadFile("../../fhir/er7/mapping/testdata/" + file + ".hl7")
		if err != nil {
			t.Fatal(err)
		}
		if ack, err := conn.Send(ctx, raw); err != nil || ack.Code != "AA" {
			t.Errorf("%s: %+v %v", file, ack, err)
		}
	}
	raw, err := os.ReadFile("../../fhir/er7/mapping/testdata/vxu-v04.hl7")
	if err != nil {
		t.Fatal(err)
	}
	// Enhanced mode: errors of custody only, and always one of content.
	mustSend(ctx, t, conn, "AA", raw)

	patient := c.search(ctx, t, "Patient?identifier=urn:oid:1.2.3.4|100017")
	if len(patient) != 1 {
		t.Fatalf("%d patients", len(patient))
	}
	id, _ := patient[0]["id"].(string)
	for query, want := range map[string]int{
		"Encounter?patient=" + id: 1, "Encounter?status=in-progress&patient=" + id: 1, "RelatedPerson?patient=" + id: 2, "Coverage?beneficiary=Patient/" + id: 1,
		"AllergyIntolerance?patient=" + id: 2, "Condition?patient=" + id: 2, "DiagnosticReport?patient=" + id: 1, "Observation?category=laboratory&patient=" + id: 15,
		"ServiceRequest?patient=" + id: 1, "Specimen?patient=" + id: 1, "MedicationRequest?patient=" + id: 1, "DocumentReference?patient=" + id: 3,
		"DocumentReference?status=superseded&patient=" + id: 1, "Appointment?patient=" + id: 1, "Appointment?status=cancelled&patient=" + id: 1,
		"Provenance?target=Patient/" + id: 12, "Immunization?patient.identifier=200031": 3, "Patient?family=Hartley-Marsh": 1,
	} {
		if have := len(c.search(ctx, t, query+"&_count=100")); have != want {
			t.Errorf("%s finds %d, want %d", query, have, want)
		}
	}
	if out, err := exec.CommandContext(ctx, binary, "scrub", "--config", c.config).CombinedOutput(); err != nil {
		t.Errorf("scrub: %v\n%s", err, out)
	}
	node, err := os.ReadFile(filepath.Join(c.dir, "node.log"))
	if err != nil || bytes.Contains(node, []byte("Hartley")) || bytes.Contains(node, []byte("100017")) {
		t.Errorf("the log of the node names a patient: %s", node)
	}
}

// TestFeedConnection: what comes in pieces, several at once, with garbage in
// between or never ends.
func TestFeedConnection(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	c := newClinic(ctx, t, senders+"\n")
	plain := func() net.Conn {
		conn, err := net.Dial("tcp", c.mllp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	framed := func(m []byte) []byte { return append(append([]byte{0x0b}, m...), 0x1c, 0x0d) }

	t.Run("byte by byte", func(t *testing.T) {
		conn := plain()
		for _, b := range framed(admit("B1", "1", "Marsh^Edith")) {
			if _, err := conn.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		answers(t, conn, "AA")
	})
	t.Run("several at once, in order", func(t *testing.T) {
		conn := plain()
		var all []byte
		for i := range 20 {
			all = append(all, framed(admit(fmt.Sprintf("S%d", i), "2", fmt.Sprintf("Marsh%d^Edith", i)))...)
		}
		if _, err := conn.Write(all); err != nil {
			t.Fatal(err)
		}
		text := answers(t, conn, strings.Fields(strings.Repeat("AA ", 20))...)
		for i := range 20 {
			at := strings.Index(text, fmt.Sprintf("MSA|AA|S%d\r", i))
			if at < 0 {
				t.Fatalf("message %d is not answered in its turn", i)
			}
			text = text[at:]
		}
		if p := c.search(ctx, t, "Patient?identifier=2"); len(p) != 1 || !strings.Contains(fmt.Sprint(p[0]["name"]), "Marsh19") {
			t.Errorf("%v", p)
		}
	})
	t.Run("garbage between", func(t *testing.T) {
		conn := plain()
		if _, err := conn.Write(append([]byte("xyz\x00\x1c\r\n\x0bMSH|half"), framed(admit("G1", "3", "Marsh^Ivy"))...)); err != nil {
			t.Fatal(err)
		}
		answers(t, conn, "AA")
	})
	t.Run("no protocol", func(t *testing.T) {
		conn := plain()
		if _, err := conn.Write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 5000)); err != nil {
			t.Log(err) // it was closed already
		}
		closed(t, conn)
	})
	t.Run("a frame without an end", func(t *testing.T) {
		conn := plain()
		head := append([]byte{0x0b}, admit("E1", "4", "Marsh^Joan")...)
		if _, err := conn.Write(head); err != nil {
			t.Fatal(err)
		}
		for range 20 { // until it has had enough
			if _, err := conn.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				break
			}
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // a test
		text, _ := io.ReadAll(conn)
		if len(text) > 0 && !bytes.Contains(text, []byte("MSA|AR|E1")) {
			t.Errorf("%q", text)
		}
	})
	t.Run("bad messages", func(t *testing.T) {
		conn := c.dial(ctx, t)
		for name, m := range map[string]struct {
			code, fault, message string
		}{
			"nothing":             {"AR", "MSH", ""},
			"no header":           {"AR", "MSH", "PID|1"},
			"a batch":             {"AR", "FHS", "FHS|^~\\&|ADTSYS"},
			"a stranger":          {"AR", "MSH-3", strings.Replace(string(admit("X1", "1", "A^B")), "ADTSYS", "OTHER", 1)},
			"a test message":      {"AR", "MSH-11", strings.Replace(string(admit("X2", "1", "A^B")), "|P|", "|T|", 1)},
			"not its set":         {"AE", "MSH-18", string(admit("X3", "1", "M\xfcller^B"))},
			"an unknown set":      {"AE", "MSH-18", strings.Replace(string(admit("X4", "1", "A^B")), "|2.5.1", "|2.5.1||||||GB 18030-2000", 1)},
			"no event":            {"AE", "MSH-9.2", strings.Replace(string(admit("X5", "1", "A^B")), "A28", "A99", 1)},
			"control characters":  {"AE", "PID-5", string(admit("X6", "1", "A\x01^B"))},
			"ten thousand lines":  {"AE", "message", string(admit("X7", "1", "A^B")) + strings.Repeat("\rZZZ", 10_000)},
			"a million pipes":     {"AE", "PID", string(admit("X8", "1", "A^B")) + strings.Repeat("|", 1_000_000)},
			"a million tildes":    {"AE", "PID-5", string(admit("X9", "1", "A^B")) + strings.Repeat("~", 60_000)},
			"an unknown patient":  {"AE", "PID-3", string(result("X10", "77", "F-1", "1"))},
			"nobody's identifier": {"AE", "PID-3.4", strings.Replace(string(admit("X11", "1", "A^B")), "NORTH^MR", "MARS^MR", 1)},
		} {
			t.Run(name, func(t *testing.T) {
				ack := mustSend(ctx, t, conn, m.code, []byte(m.message))
				if len(ack.Faults) == 0 || !strings.HasPrefix(ack.Faults[0], m.fault+":") {
					t.Errorf("%v", ack.Faults)
				}
			})
		}
		mustSend(ctx, t, conn, "AA", admit("X12", "1", "Marsh^Edith"))
	})
}

// answers reads acknowledgements with these codes, in any framing.
func answers(t *testing.T, conn net.Conn, want ...string) string {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // a test
	var text []byte
	buffer := make([]byte, 4096)
	for bytes.Count(text, []byte{0x1c}) < len(want) {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, text)
		}
		text = append(text, buffer[:n]...)
	}
	for i, part := range strings.Split(string(text), "\x1c")[:len(want)] {
		if !strings.Contains(part, "\rMSA|"+want[i]+"|") {
			t.Fatalf("answer %d is %q, want %s", i, part, want[i])
		}
	}
	return string(text)
}

// closed wants the other side to have ended the connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // a test
	_, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection stays open")
	}
}

// TestFeedKilled kills the hospital again and again while eight senders send.
// Each repeats what got no acknowledgement, as a sender must. Then every result
// is there, in its first version: nothing was lost, nothing was stored twice.
func TestFeedKilled(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	c := newClinic(ctx, t, senders)
	mustSend(ctx, t, c.dial(ctx, t), "AA", admit("A0", "1", "Marsh^Edith"))
	const many = 8
	var acknowledged, repeated atomic.Int64
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	counts := make([]int, many)
	for s := range many {
		group.Go(func() {
			var conn *client.MLLP
			for n := 0; sending.Err() == nil; {
				if conn == nil {
					var err error
					if conn, err = client.DialMLLP(ctx, c.mllp, nil); err != nil {
						time.Sleep(20 * time.Millisecond)
						continue
					}
				}
				id := fmt.Sprintf("L%d-%d", s, n)
				ack, err := conn.Send(ctx, result(id, "1", "F-"+id, fmt.Sprint(n)))
				if err != nil || ack.Code != "AA" {
					repeated.Add(1)
					conn.Close()
					conn = nil
					continue // and send it again
				}
				n++
				counts[s] = n
				acknowledged.Add(1)
			}
			if conn != nil {
				conn.Close()
			}
		})
	}
	for round := range 5 {
		time.Sleep(time.Duration(300+150*round) * time.Millisecond)
		c.kill()
		c.start(ctx, t)
	}
	time.Sleep(500 * time.Millisecond)
	stop()
	group.Wait()

	have := make(map[string]string) // order number to version
	next := "DiagnosticReport?_count=200"
	for next != "" {
		a, err := c.ehr.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/"+next, nil)
		if err != nil {
			t.Fatal(err)
		}
		next = collect(t, a.Body, have)
	}
	lost, twice := 0, 0
	for s, n := range counts {
		for i := range n {
			switch version := have[fmt.Sprintf("F-L%d-%d", s, i)]; version {
			case "1":
			case "":
				lost++
			default:
				twice++
			}
		}
	}
	t.Logf("%d messages acknowledged over 5 kills, %d sent again, %d lost, %d stored twice", acknowledged.Load(), repeated.Load(), lost, twice)
	if lost > 0 || twice > 0 || len(have) > int(acknowledged.Load())+many {
		t.Errorf("%d reports of %d acknowledged messages", len(have), acknowledged.Load())
	}
	if acknowledged.Load() < 50 || repeated.Load() < 5 {
		t.Error("too few to say anything")
	}
	if out, err := exec.CommandContext(ctx, binary, "scrub", "--config", c.config).CombinedOutput(); err != nil {
		t.Errorf("scrub: %v\n%s", err, out)
	}
}

// collect notes each report's order number and version, and returns where the
// next page is.
func collect(t *testing.T, body []byte, into map[string]string) (next string) {
	t.Helper()
	var page struct {
		Link  []struct{ Relation, URL string }
		Entry []struct {
			Resource struct {
				Meta       struct{ VersionID string }
				Identifier []struct{ Value string }
			}
		}
	}
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entry {
		order := e.Resource.Identifier[0].Value
		if into[order] != "" {
			t.Errorf("two reports of one order")
		}
		into[order] = e.Resource.Meta.VersionID
	}
	for _, l := range page.Link {
		if l.Relation == "next" {
			_, next, _ = strings.Cut(l.URL, "/fhir/")
		}
	}
	return next
}

// BenchmarkFeed sends laboratory reports of one and of ten results about two
// hundred patients, over connections that each wait for their acknowledgements.
//
//	go test ./test/network -run '^$' -bench Feed -benchtime 3000x
func BenchmarkFeed(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c := newClinic(ctx, b, senders)
	conn := c.dial(ctx, b)
	const patients = 200
	for i := range patients {
		mustSend(ctx, b, conn, "AA", admit(fmt.Sprintf("P%d", i), fmt.Sprint(i), "Marsh^Edith"))
	}
	var serial atomic.Int64
	for _, results := range []int{1, 10} {
		for _, connections := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("results=%d/connections=%d", results, connections), func(b *testing.B) {
				var group sync.WaitGroup
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				for range connections {
					own := c.dial(ctx, b)
					group.Go(func() {
						for left.Add(-1) >= 0 {
							n := serial.Add(1)
							message := result(fmt.Sprint("L", n), fmt.Sprint(n%patients), fmt.Sprint("F-", n), "98.5")
							for i := 1; i < results; i++ {
								message = fmt.Appendf(message, "\rOBX|%d|NM|%d-1^Test %d^LN||%d.5|mg/dL^^UCUM|1-99|N|||F", i+1, 1000+i, i, i)
							}
							if ack, err := own.Send(ctx, message); err != nil || ack.Code != "AA" {
								b.Errorf("%+v %v", ack, err)
								return
							}
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
				b.ReportMetric(float64(b.N*(results+3))/b.Elapsed().Seconds(), "resources/s") // with request, report and provenance
			})
		}
	}
}
