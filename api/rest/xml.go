package rest

import (
	"cairn/fhir/markup"
	"cairn/fhir/resource"
	"cairn/fhir/xml"
	"cairn/node/fault"
	"cairn/node/record"
)

// answerLimits bound what is written as XML: an answer may hold many resources,
// each of which was within the limits of one.
var answerLimits = resource.Limits{Bytes: 256 << 20, Nodes: 10_000_000}

// fromXML reads a resource in XML.
func fromXML(raw []byte) ([]byte, error) {
	out, err := xml.Decode(raw, markup.Limits{})
	if err != nil {
		return nil, record.Invalid(err)
	}
	return out, nil
}

// toXML renders an answer in XML.
func toXML(raw []byte) ([]byte, error) {
	doc, err := resource.Parse(raw, answerLimits)
	if err != nil {
		return nil, err
	}
	out, err := xml.Encode(doc)
	if err != nil {
		return nil, fault.Wrap(fault.Unsupported, codeFormat, "this cannot be said in XML", err).WithHint("send Accept: application/fhir+json")
	}
	return out, nil
}
