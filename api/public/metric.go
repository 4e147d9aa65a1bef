package public

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cairn/node"
	"cairn/node/rotation"
)

// metrics serves the figures of /healthz as Prometheus reads them. None is about
// a person.
func metrics(n *node.Node) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(gauges{n})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// gauges are the node's figures. They are taken when they are asked for.
type gauges struct{ node *node.Node }

var (
	gaugeHeight    = describe("cairn_chain_height", "Height of the ledger at this node.")
	gaugeLog       = describe("cairn_evidence_log_size", "Entries of the hospital's log.")
	gaugeSealed    = describe("cairn_evidence_sealed_size", "Entries of the log under the latest seal.")
	gaugeDiscloses = describe("cairn_node_discloses", "Whether this node discloses records at this moment: 1 or 0.")
	gaugeWarnings  = describe("cairn_node_warnings", "Things that must be seen to; /healthz says which.")
	gaugeDue       = describe("cairn_keys_due_seconds", "When the key in force of a use should have been followed by another, in Unix seconds.", "use")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe names the figures.
func (gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{gaugeHeight, gaugeLog, gaugeSealed, gaugeDiscloses, gaugeWarnings, gaugeDue} {
		out <- d
	}
}

// Collect takes the figures.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	s := g.node.Status()
	discloses := 1.0
	if s.Doubt != "" {
		discloses = 0
	}
	for d, v := range map[*prometheus.Desc]float64{
		gaugeHeight: float64(s.Height), gaugeLog: float64(s.LogSize), gaugeSealed: float64(s.SealedSize),
		gaugeDiscloses: discloses, gaugeWarnings: float64(len(s.Warnings)),
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	for _, k := range s.Keys {
		if k.State == rotation.InForce && !k.Due.IsZero() {
			out <- prometheus.MustNewConstMetric(gaugeDue, prometheus.GaugeValue, float64(k.Due.Unix()), k.Use.String())
		}
	}
}
