package oaktree

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// opened does something with a file that is open.
func (d *directoryUpload) opened(path string, do func(*content) error) error {
	from, err := openFile(filepath.Join(d.scan.directory, filepath.FromSlash(path)), d.scan.stat)
	if err != nil {
		return err
	}
	err = do(from)
	_ = from.close()
	return err
}

// file does with one file what is to be done.
func (d *directoryUpload) file(ctx context.Context, step *pb.UploadStep) error {
	told := d.meter.part(step.GetPath())
	err := d.opened(step.GetPath(), func(from *content) error {
		action, why, err := d.moved(ctx, step, from, told)
		if err == nil {
			told(from.size)
			d.tally.did(FileStep{step.GetPath(), action, why, from.size})
		}
		return err
	})
	if err == nil {
		return nil
	}
	if err := ended(ctx); err != nil {
		return err
	}
	told(0)
	return d.tally.failed(step.GetPath(), err)
}

func (d *directoryUpload) moved(ctx context.Context, step *pb.UploadStep, from *content, told func(int64)) (FileAction, string, error) {
	plan, err := d.objects.askAgain(ctx, d.planOf(nil), step.GetPath(), from, step)
	switch {
	case err != nil:
		return "", "", err
	case plan.GetAction() == pb.UploadAction_UPLOAD_ACTION_SKIP:
		return FileSkipped, plan.GetWhy(), nil
	case d.options.DryRun:
		return FileSent, plan.GetWhy(), nil
	}
	request := &pb.UploadStorageObjectRequest{
		Parent: d.container, Name: plan.GetName(), ModifiedAt: timestamppb.New(from.modified),
	}
	if plan.GetSegments() != nil {
		_, err = newSegments(d.objects, request, from, plan, told, nil).upload(ctx)
		return FileSent, plan.GetWhy(), err
	}
	isThere, err := d.way.use(ctx, func(ticket *pb.Ticket) error { return d.put(ctx, ticket, request, from, told) })
	if err == nil && !isThere {
		_, err = d.objects.send(ctx, from, request, told, nil)
	}
	return FileSent, plan.GetWhy(), err
}

// put sends one straight to the cloud, which compares the bytes with their MD5 by itself: so they are
// hashed first, and not again.
func (d *directoryUpload) put(ctx context.Context, ticket *pb.Ticket, request *pb.UploadStorageObjectRequest, from *content, told func(int64)) error {
	reader, err := from.from(0)
	if err != nil {
		return err
	}
	sums := newDigests()
	if from.size <= chunkBytes {
		// What is small is read once.
		small := make([]byte, from.size)
		if err := from.fill(reader, small); err != nil {
			return err
		}
		_, _ = sums.Write(small)
		reader = bytes.NewReader(small)
	} else if err := from.section(0, from.size).hashed(ctx, sums); err != nil {
		return err
	}
	changed := request.GetModifiedAt()
	headers := map[string]string{
		"ETag":                         hexOf(sums.md5),
		"X-Object-Meta-Mtime":          fmt.Sprintf("%d.%09d", changed.GetSeconds(), changed.GetNanos()),
		"X-Object-Meta-Oaktree-Sha256": hexOf(sums.sha256),
	}
	told(0)
	body := newBody(from, reader, from.size, io.Discard, from.unchanged, told)
	_, err = d.objects.at.put(ctx, ticket, d.objects.at.tokens.newest.Load(), request.GetName(), headers, body)
	return err
}
