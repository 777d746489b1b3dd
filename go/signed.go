package oaktree

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// signed is the way straight to the cloud for some objects of one container, where there is one. It
// is safe for concurrent use.
type signed struct {
	objects StorageObjects
	request *pb.SignStorageObjectsRequest

	mu     sync.Mutex
	ticket *pb.Ticket
	// Whether all has to go through oaktree.
	isShut bool
}

// newSigned is for objects whose names begin with a prefix.
func newSigned(c StorageObjects, where *pb.Location, container, prefix string, isUpload bool) *signed {
	return &signed{objects: c, request: &pb.SignStorageObjectsRequest{
		Location: proto.CloneOf(where), Parent: container, Prefix: prefix, IsUpload: isUpload,
	}}
}

// find is a ticket other than the one that has expired; nil if there is none to be had.
func (s *signed) find(ctx context.Context, expired *pb.Ticket) *pb.Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isShut {
		return nil
	}
	if s.ticket == nil || s.ticket == expired {
		ticket, err := s.objects.Sign(ctx, s.request)
		if err != nil {
			// Whatever it is: oaktree itself tells of it, if it is asked for the bytes.
			s.isShut = ctx.Err() == nil
			return nil
		}
		s.ticket = ticket
	}
	return s.ticket
}

func (s *signed) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isShut = true
}

// use has something done with a ticket. It says whether that was done; else it is to be done through
// oaktree.
func (s *signed) use(ctx context.Context, do func(*pb.Ticket) error) (bool, error) {
	var expired *pb.Ticket
	for {
		ticket := s.find(ctx, expired)
		if ticket == nil {
			return false, ended(ctx)
		}
		err := do(ticket)
		var barred *barred
		switch {
		case !errors.As(err, &barred):
			return err == nil, err
		case ctx.Err() != nil:
			return false, ended(ctx)
		case barred.isShut:
			s.shut()
			return false, nil
		case barred.status != http.StatusUnauthorized || expired != nil:
			// Of this one only, and oaktree can say why.
			return false, nil
		}
		expired = ticket
	}
}

// ended is the error of a context, if it has ended.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return cancelled(err)
	}
	return nil
}
