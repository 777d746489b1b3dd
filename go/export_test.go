package oaktree

import (
	"os"
	"time"
)

// For tests of what lasts: no test waits for a pause as long as the real ones.
func init() { shortest = 20 * time.Millisecond }

type Losses struct{ losses }

// Pauses are the bounds of pauses.
func Pauses() (least, most time.Duration) { return shortest, longest }

// SetPauses changes them, until the function that it gives is called.
func SetPauses(least, most time.Duration) func() {
	before, till := shortest, longest
	shortest, longest = least, most
	return func() { shortest, longest = before, till }
}

// Lose counts a loss after a call that lasted so long, and gives the pause.
func (l *Losses) Lose(lasted time.Duration) time.Duration {
	l.begin()
	l.hear()
	l.begun = l.begun.Add(-lasted)
	return l.pause()
}

// SetDirectBytes changes from how many bytes on they go straight, until the function that it gives is
// called.
func SetDirectBytes(count int64) func() {
	before := directBytes
	directBytes = count
	return func() { directBytes = before }
}

// SetSilence changes how long a cloud may be silent, until the function that it gives is called.
func SetSilence(most time.Duration) func() {
	before := silence
	silence = most
	return func() { silence = before }
}

// Quoted is a name as it stands in a URL.
func Quoted(name string) string { return quoted(name) }

// Dialed is where an address leads, and whether in the clear or by TLS.
func Dialed(address string, insecure, hasTLS bool) (string, bool, error) {
	where, err := parseAddress(address, insecure, hasTLS)
	return where.target, where.isSecure, err
}

// Age makes a client's token older, if there is one.
func Age(client *Client, by time.Duration) {
	tokens := client.at.tokens
	tokens.mu.Lock()
	defer tokens.mu.Unlock()
	newest := tokens.newest.Load()
	if newest == nil {
		return
	}
	older := *newest
	older.due, older.end = older.due.Add(-by), older.end.Add(-by)
	tokens.newest.Store(&older)
}

// Ignores tells whether patterns leave a path out.
func Ignores(patterns []string, path string) (bool, error) {
	made, err := newIgnored(patterns)
	return made.holds(path), err
}

// SetAskFromBytes changes from how many bytes on a plan is asked for, until the function that it gives
// is called.
func SetAskFromBytes(count int64) func() {
	before := askFromBytes
	askFromBytes = count
	return func() { askFromBytes = before }
}

// SetFoldsCases has directories take a and A for the same name, until the function that it gives is
// called.
func SetFoldsCases() func() {
	before := foldsCases
	foldsCases = func(*os.Root) (bool, error) { return true, nil }
	return func() { foldsCases = before }
}

// SetSyncFile changes how a file is made to outlast a loss of power, until the function that it gives
// is called.
func SetSyncFile(changed func(*os.File) error) func() {
	before := syncFile
	syncFile = changed
	return func() { syncFile = before }
}
