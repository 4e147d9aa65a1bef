// Package compare measures the register of marks beside cosmos/iavl, an authenticated tree that other ledgers use for
// their state. It is a module of its own, so that the project itself does not depend on what it only measures.
//
//	cd ledger/register/compare && go test -bench . -benchtime 30x -timeout 60m
package compare
