package oaktree

import (
	"sync"
	"time"

	"google.golang.org/grpc"
)

// Progress is how far a transfer is.
type Progress struct {
	// What is on its way: an image or an object, by its name; of a directory, the path of the file that
	// moved last.
	Name string
	// How many bytes have been moved, in either direction; what was there already counts, too. It gets
	// less where some have to be moved again.
	SentBytes int64
	// How many there are in all; -1 where that is not known. Of a directory, as many as have been
	// found so far.
	TotalBytes int64
}

type onProgress struct {
	grpc.EmptyCallOption
	tell func(Progress)
}

// OnProgress is an option of uploads and downloads: it is called now and then with how far they are,
// by one goroutine at a time, and at the end of what succeeds. It holds the transfer up until it
// returns.
func OnProgress(tell func(Progress)) grpc.CallOption {
	return onProgress{tell: tell}
}

// How often progress is told.
const tellingPause = 100 * time.Millisecond

// meter tells how far a transfer is. It is safe for concurrent use.
type meter struct {
	tell func(Progress)

	mu  sync.Mutex
	now Progress
	// What was told last, and when.
	told Progress
	at   time.Time
}

func newMeter(tell func(Progress), name string, total int64) *meter {
	return &meter{tell: tell, now: Progress{Name: name, TotalBytes: total}}
}

// meterOf is that of a call.
func meterOf(opts []grpc.CallOption, name string, total int64) *meter {
	var tell func(Progress)
	for _, opt := range opts {
		if wanted, ok := opt.(onProgress); ok {
			tell = wanted.tell
		}
	}
	return newMeter(tell, name, total)
}

// expect says that there are more bytes in all.
func (m *meter) expect(more int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.TotalBytes += more
}

// part counts what is moved of a part: it is told how far that is. An empty name is the whole's.
func (m *meter) part(name string) func(int64) {
	var before int64
	return func(sent int64) {
		if m.tell == nil {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.now.SentBytes += sent - before
		before = sent
		if name != "" {
			m.now.Name = name
		}
		m.say()
	}
}

// say tells where it is, unless it has just done so; the end is always told.
func (m *meter) say() {
	if m.now == m.told && !m.at.IsZero() {
		return
	}
	if now := time.Now(); m.now.SentBytes == m.now.TotalBytes || now.Sub(m.at) >= tellingPause {
		m.told, m.at = m.now, now
		m.tell(m.now)
	}
}
