package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"sync"

	oaktree "opendev.org/openstack/oaktree/go"
)

// file is one to upload or to download to: by its path, or open.
type file struct {
	path           string
	Reader, Writer string
}

// UnmarshalJSON reads a path, or an object that says how to open one.
func (f *file) UnmarshalJSON(text []byte) error {
	type opened file
	if text[0] == '"' {
		return json.Unmarshal(text, &f.path)
	}
	return json.Unmarshal(text, (*opened)(f))
}

func (f *file) source() oaktree.Source {
	if f.Reader == "" {
		return oaktree.File(f.path)
	}
	opened, err := os.Open(f.Reader)
	if err != nil {
		log.Fatal(err)
	}
	// What can only be read.
	return oaktree.Reader(struct{ io.Reader }{opened}, -1)
}

func (f *file) target() oaktree.Target {
	if f.Writer == "" {
		return oaktree.ToFile(f.path)
	}
	opened, err := os.Create(f.Writer)
	if err != nil {
		log.Fatal(err)
	}
	return oaktree.Writer(opened)
}

// onProgress tells how far a transfer is, and leaves it where the command says so.
func (c command) onProgress(tell teller, leave context.CancelFunc) any {
	told, mu := 0, sync.Mutex{}
	return oaktree.OnProgress(func(p oaktree.Progress) {
		item := map[string]any{"name": p.Name, "sent_bytes": p.SentBytes}
		if p.TotalBytes >= 0 {
			item["total_bytes"] = p.TotalBytes
		}
		tell("item", item)
		mu.Lock()
		defer mu.Unlock()
		if told++; told == c.Take {
			leave()
		}
	})
}
