package diagnosis

import "testing"

// TestAutomatonIsNarrow: its table has a column for each kind of byte that its words use,
// and one for all others, rounded up to a power of two. One more than 64 doubles it.
func TestAutomatonIsNarrow(t *testing.T) {
	kinds := signatures().scanner.Alphabet()
	if t.Logf("%d kinds of bytes, %d words", kinds, signatures().scanner.Literals()); kinds > 64 {
		t.Errorf("%d kinds of bytes, want at most 64: make logscan's escaped characters more", kinds)
	}
}
