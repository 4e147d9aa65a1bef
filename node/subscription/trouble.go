package subscription

import (
	"encoding/json"
	"errors"
	"strconv"

	"cairn/node/fault"
	"cairn/node/hook"
)

// Codes of what keeps a subscription from being told, beside those of
// node/hook. An answer's status stands behind a colon: "error-response:503".
const (
	troubleStanding = "standing" // the software is not registered any more
	troubleDamaged  = "damaged"  // what it asked for cannot be read
	troubleHere     = "hospital" // something of this hospital's own is damaged
)

// texts say each in words for its owner.
var texts = map[string]string{
	hook.Forbidden:     "the endpoint is at an address that notifications may not be sent to",
	hook.NoName:        "the name of the endpoint cannot be resolved",
	hook.NoConnection:  "no secure connection to the endpoint can be made",
	hook.NoResponse:    "the endpoint did not answer in time",
	hook.ErrorResponse: "the endpoint did not answer with success",
	troubleStanding:    "the software, or the organisation, that subscribed may not be told any more",
	troubleHere:        "this hospital cannot make the notification; its operator can see why",
	troubleDamaged:     "what was asked for cannot be read; put it again",
}

// troubleOf returns the code of an error of the poster.
func troubleOf(err error) string {
	var f *hook.Failure
	if !errors.As(err, &f) {
		return hook.NoConnection
	}
	if f.Code == hook.ErrorResponse {
		return f.Code + ":" + strconv.Itoa(f.Status)
	}
	return f.Code
}

// mayHaveLeft tells whether something of a post may have left.
func mayHaveLeft(err error) bool {
	var f *hook.Failure
	return !errors.As(err, &f) || f.Sent
}

func split(code string) (word, status string) {
	for i := range len(code) {
		if code[i] == ':' {
			return code[:i], code[i+1:]
		}
	}
	return code, ""
}

func errorText(code string) string {
	word, status := split(code)
	text, ok := texts[word]
	if !ok {
		text = "notifications cannot be sent"
	}
	if status != "" {
		text += " (status " + status + ")"
	}
	return text
}

// concept returns a trouble as a CodeableConcept: the code of the standard
// (http://terminology.hl7.org/CodeSystem/subscription-error) where it has one,
// and ours.
func concept(code string) []byte {
	type coding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	word, _ := split(code)
	var codings []coding
	switch word {
	case hook.NoResponse, hook.NoConnection, hook.NoName:
		codings = append(codings, coding{"http://terminology.hl7.org/CodeSystem/subscription-error", "no-response"})
	}
	data, err := json.Marshal(map[string]any{"coding": append(codings, coding{"urn:cairn:rule", "subscription." + word}), "text": errorText(code)})
	if err != nil {
		return []byte(`{"text":"notifications cannot be sent"}`)
	}
	return data
}

// waits tells whether an error is one that this hospital has to get over: the
// ledger in doubt, a full disk. Nothing is sent meanwhile, and it is not the
// endpoint's failure.
func waits(err error) bool {
	switch fault.As(err).Kind {
	case fault.Busy, fault.Full:
		return true
	}
	return false
}
