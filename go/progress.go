package oaktree

import (
	"sync"
	"time"

	"google.golang.org/grpc"
)

// Progress is how far a transfer is.
type Progress struct {
	// What is on its way: an image or an object, by its name; of a directory, the file.
	Name string
	// How many bytes the cloud has been given, or has given. A transfer that begins again begins at 0.
	SentBytes int64
	// How many there are in all; -1 where that is not known.
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

// meter tells how far a transfer is.
type meter struct {
	tell func(Progress)
	name string

	mu sync.Mutex
	// What was told last, and when.
	told Progress
	at   time.Time
}

func newMeter(opts []grpc.CallOption, name string, total int64) *meter {
	m := &meter{name: name, told: Progress{Name: name, TotalBytes: total}}
	for _, opt := range opts {
		if wanted, ok := opt.(onProgress); ok {
			m.tell = wanted.tell
		}
	}
	return m
}

// set says how many bytes have been moved; the end is always told.
func (m *meter) set(sent int64) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if sent == m.told.SentBytes && !m.at.IsZero() {
		return
	}
	if now := time.Now(); sent == m.told.TotalBytes || now.Sub(m.at) >= tellingPause {
		m.told.SentBytes, m.at = sent, now
		m.tell(m.told)
	}
}
