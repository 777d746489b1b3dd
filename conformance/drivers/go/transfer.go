package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"slices"

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

// progress tells how far a transfer is, and leaves it where the command says so.
func (c command) progress(tell teller, leave context.CancelFunc) func(oaktree.Progress) {
	return func(p oaktree.Progress) {
		item := map[string]any{"name": p.Name, "sent_bytes": p.SentBytes}
		if p.TotalBytes >= 0 {
			item["total_bytes"] = p.TotalBytes
		}
		tell("item", item)
		if c.Take > 0 && p.SentBytes >= int64(c.Take) {
			leave()
		}
	}
}

// directory moves a whole one.
func (c command) directory(ctx context.Context, scope *oaktree.Scope, told func(oaktree.Progress)) (any, error) {
	asked := struct {
		Directory, Container, Prefix string
		DeleteExtra                  bool `json:"delete_extra"`
		DryRun                       bool `json:"dry_run"`
		FollowSymlinks               bool `json:"follow_symlinks"`
		Ignore                       []string
		Parallel                     int
	}{}
	if err := json.Unmarshal(c.Request, &asked); err != nil {
		return nil, err
	}
	var (
		result *oaktree.DirectoryResult
		err    error
	)
	if c.Method == "upload_directory" {
		result, err = oaktree.UploadDirectory(ctx, scope, asked.Directory, asked.Container, oaktree.UploadDirectoryOptions{
			Prefix:         asked.Prefix,
			DeleteExtra:    asked.DeleteExtra,
			DryRun:         asked.DryRun,
			Ignore:         asked.Ignore,
			FollowSymlinks: asked.FollowSymlinks,
			Parallel:       asked.Parallel,
			OnProgress:     told,
		})
	} else {
		result, err = oaktree.DownloadDirectory(ctx, scope, asked.Container, asked.Directory, oaktree.DownloadDirectoryOptions{
			Prefix:     asked.Prefix,
			DryRun:     asked.DryRun,
			Ignore:     asked.Ignore,
			Parallel:   asked.Parallel,
			OnProgress: told,
		})
	}
	var some *oaktree.FilesFailed
	if err != nil && !errors.As(err, &some) {
		return nil, err
	}
	paths := []string{}
	for _, one := range result.Failed {
		paths = append(paths, one.Path)
	}
	slices.Sort(paths)
	return map[string]any{
		"sent":       result.Sent,
		"skipped":    result.Skipped,
		"deleted":    result.Deleted,
		"sent_bytes": result.SentBytes,
		"failed":     paths,
		"left_out":   append([]string{}, slices.Sorted(slices.Values(result.LeftOut))...),
	}, nil
}
