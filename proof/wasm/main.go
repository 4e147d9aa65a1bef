//go:build js && wasm

// Command wasm is the verifier of package proof for a browser. It sets one
// function on the global object:
//
//	cairnVerify(bundle, trust) -> {status, code, sentence, steps: [{name, ok, checked, text}, ...]}
//
// bundle is a bundle or the file of an exchange; it and trust are the contents of the two files, each a Uint8Array or a
// string; trust may be empty, null or left out. Give the bytes of a file, not
// its text: reading a file as text hides invalid UTF-8 and a byte order mark,
// and so some alterations. The function reads nothing else, keeps nothing and
// sends nothing.
//
// The program runs until the page is gone. When the function is there, it calls
// the global function cairnReady, if there is one.
package main

import (
	"syscall/js"

	"cairn/proof"
)

func main() {
	global := js.Global()
	global.Set("cairnVerify", js.FuncOf(verify))
	if ready := global.Get("cairnReady"); ready.Type() == js.TypeFunction {
		ready.Invoke()
	}
	select {}
}

func verify(_ js.Value, args []js.Value) any {
	args = append(args, js.Undefined(), js.Undefined())
	v := proof.VerifyText(content(args[0]), content(args[1]))
	steps := make([]any, len(v.Steps))
	for i, s := range v.Steps {
		steps[i] = map[string]any{"name": s.Name, "ok": s.OK, "checked": s.Checked, "text": s.Text}
	}
	return map[string]any{
		"status": string(v.Status), "code": string(v.Code), "sentence": v.Sentence, "steps": steps,
	}
}

// content returns the bytes of a Uint8Array or of a string, and none of
// anything else. More than a verifier would take is cut to one byte more than
// that, so that it is refused at no cost.
func content(v js.Value) []byte {
	const most = proof.MaxBundleBytes + 1
	if v.Type() == js.TypeString {
		return []byte(v.String())
	}
	if v.Type() != js.TypeObject || !v.InstanceOf(js.Global().Get("Uint8Array")) {
		return nil
	}
	out := make([]byte, min(v.Length(), most))
	js.CopyBytesToGo(out, v)
	return out
}
