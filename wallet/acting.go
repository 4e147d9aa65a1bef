package wallet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Mandate is who may act for a patient, as the people in it see it.
type Mandate struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Patient string   `json:"patient"`
	Name    string   `json:"name"`
	Mine    bool     `json:"mine"`
	Powers  []string `json:"powers"`
	Rule    string   `json:"rule"`
}

// Proxy says whom the patient wants to act for her.
type Proxy struct {
	Kind       string   `json:"kind"`
	Name       string   `json:"name"`
	Holder     string   `json:"holder_patient,omitempty"`
	Powers     []string `json:"powers"`
	Types      []string `json:"types,omitempty"`
	Categories []string `json:"categories,omitempty"`
	Until      int64    `json:"until,omitempty"`
}

// Appoint names a proxy at a hospital. The code is for a proxy who is no patient
// there, to register with.
func (w *Wallet) Appoint(ctx context.Context, at string, p Proxy) (id, code string, err error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return "", "", err
	}
	p.Kind = "proxy"
	var out struct{ ID, Code string }
	err = w.post(ctx, h.URL+"/portal/mandates", h.token, p, &out)
	return out.ID, out.Code, err
}

// Mandates returns who acts for the patient at a hospital, and for whom she acts.
func (w *Wallet) Mandates(ctx context.Context, at string) ([]Mandate, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out struct{ Mandates []Mandate }
	err = w.call(ctx, http.MethodGet, h.URL+"/portal/mandates", h.token, nil, &out)
	return out.Mandates, err
}

// Dismiss ends a mandate at a hospital.
func (w *Wallet) Dismiss(ctx context.Context, at, id string) error {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return err
	}
	return w.call(ctx, http.MethodDelete, h.URL+"/portal/mandates/"+id, h.token, nil, nil)
}

// ActFor signs in at a hospital in a patient's name, and returns what it then does
// there.
func (w *Wallet) ActFor(ctx context.Context, at, patient string) (*Acting, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := w.post(ctx, h.URL+"/portal/acting", h.token, map[string]string{"patient": patient, "device": "wallet"}, &out); err != nil {
		return nil, fmt.Errorf("acting for a patient of %s: %w", at, err)
	}
	return &Acting{wallet: w, root: h.URL, token: out.AccessToken, Expires: time.Now().Add(time.Duration(out.ExpiresIn) * time.Second)}, nil
}

// Acting is a sign-in in a patient's name.
type Acting struct {
	Expires time.Time
	wallet  *Wallet
	root    string
	token   string
}

// Get returns what stands at a path of the hospital, such as /fhir/Observation.
func (a *Acting) Get(ctx context.Context, path string) (json.RawMessage, error) {
	var out json.RawMessage
	err := a.wallet.call(ctx, http.MethodGet, a.root+path, a.token, nil, &out)
	return out, err
}
