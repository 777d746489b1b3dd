package oaktree

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// How many segments of one object travel at a time.
const parallelSegments = 4

// segments are those of one large object, by the plan for it. An upload that broke off goes on when it
// is called again: what is there is not sent twice.
type segments struct {
	c       StorageObjects
	request *pb.UploadStorageObjectRequest
	from    *content
	step    *pb.UploadStep
	// Their MD5s by index, as far as they were told.
	md5s  []string
	opts  []grpc.CallOption
	meter *meter
	way   *signed
	// By index.
	made   []*pb.CommittedSegment
	sha256 string
}

func newSegments(c StorageObjects, request *pb.UploadStorageObjectRequest, from *content, plan planned, told func(int64), opts []grpc.CallOption) *segments {
	// Counted together, told by whoever is asked.
	meter := newMeter(func(now Progress) { told(now.SentBytes) }, "", from.size)
	s := &segments{c: c, request: request, from: from, step: plan.UploadStep, md5s: plan.md5s, opts: opts, meter: meter}
	if all := plan.GetSegments(); len(all) > 0 {
		s.made = make([]*pb.CommittedSegment, len(all))
		lead, _ := path.Split(all[0].GetName())
		s.way = newSigned(c, request.GetLocation(), request.GetParent(), lead, true)
		if !goesStraight(opts) {
			s.way.shut()
		}
	}
	return s
}

// upload makes the object.
func (s *segments) upload(ctx context.Context) (*pb.StorageObject, error) {
	if s.step.GetAction() == pb.UploadAction_UPLOAD_ACTION_SKIP {
		return s.keep(ctx)
	}
	var size int64
	for _, one := range s.step.GetSegments() {
		size += one.GetSizeBytes()
	}
	if size != s.from.size {
		return nil, fmt.Errorf("%w: it has %d bytes by now, and not %d", ErrSourceChanged, s.from.size, size)
	}
	var err error
	if s.from.isParallel {
		err = s.sideBySide(ctx)
	} else {
		err = s.oneByOne(ctx)
	}
	if err == nil {
		err = s.from.unchanged()
	}
	if err == nil {
		err = s.kept()
	}
	if err != nil {
		return nil, err
	}
	return s.commit(ctx)
}

// sideBySide sends segments beside each other, and hashes the whole beside them.
func (s *segments) sideBySide(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelSegments + 1)
	group.Go(func() error { return s.hash(ctx) })
	for _, one := range s.step.GetSegments() {
		group.Go(func() error {
			if err := ended(ctx); err != nil {
				return err
			}
			return s.one(ctx, one, s.from.section(one.GetOffsetBytes(), one.GetSizeBytes()))
		})
	}
	return group.Wait()
}

// oneByOne sends segments in their order, of what cannot be read in several places at a time.
func (s *segments) oneByOne(ctx context.Context) error {
	if s.from.isRepeatable {
		if err := s.hash(ctx); err != nil {
			return err
		}
		for _, one := range s.step.GetSegments() {
			if err := s.one(ctx, one, s.from.section(one.GetOffsetBytes(), one.GetSizeBytes())); err != nil {
				return err
			}
		}
		return nil
	}
	// What is there from before cannot be compared, and so not be used; nor would a ticket help, since
	// what has been read is not read again.
	s.step = proto.CloneOf(s.step)
	s.step.UploadId = uuid.NewString()
	s.way.shut()
	whole := sha256.New()
	for _, one := range s.step.GetSegments() {
		one.IsDone = false
		part := s.from.section(one.GetOffsetBytes(), one.GetSizeBytes())
		from := part.from
		part.from = func(at int64) (io.Reader, error) {
			reader, err := from(at)
			return io.TeeReader(reader, whole), err
		}
		s.from.isBegun = true
		if err := s.one(ctx, one, part); err != nil {
			return err
		}
	}
	s.sha256 = hexOf(whole)
	return nil
}

func (s *segments) hash(ctx context.Context) error {
	whole := sha256.New()
	err := s.from.section(0, s.from.size).hashed(ctx, whole)
	s.sha256 = hexOf(whole)
	return err
}

// kept checks what was said of the bytes beforehand. Of the whole there is no MD5.
func (s *segments) kept() error {
	promised := s.request.GetContent().GetSha256()
	if promised != "" && !strings.EqualFold(promised, s.sha256) {
		return differ("the source has the SHA-256 %s, and the request's content says %s", s.sha256, promised)
	}
	return nil
}

// one sends one segment, unless it is there.
func (s *segments) one(ctx context.Context, segment *pb.PlannedSegment, part *content) error {
	told := s.meter.part("")
	sum := ""
	// What was not compared cannot be known to be there.
	if index := int(segment.GetIndex()); segment.GetIsDone() && index < len(s.md5s) {
		sum = s.md5s[index]
	} else {
		isThere, err := s.way.use(ctx, func(ticket *pb.Ticket) (err error) {
			sum, err = s.put(ctx, ticket, segment, part, told)
			return err
		})
		if err == nil && !isThere {
			sum, err = s.stream(ctx, segment, part, told)
		}
		if err != nil {
			return err
		}
	}
	told(part.size)
	s.made[segment.GetIndex()] = &pb.CommittedSegment{Md5: sum, SizeBytes: part.size}
	return nil
}

// put sends one straight to the cloud, and gives its MD5.
func (s *segments) put(ctx context.Context, ticket *pb.Ticket, segment *pb.PlannedSegment, part *content, told func(int64)) (string, error) {
	from, err := part.from(0)
	if err != nil {
		return "", err
	}
	told(0)
	made := md5.New()
	body := newBody(part, from, part.size, made, nothing, told)
	headers, err := s.c.at.put(ctx, ticket, s.c.at.tokens.newest.Load(), segment.GetName(), nil, body)
	if err != nil {
		return "", err
	}
	sum := hexOf(made)
	if !sameEtag(headers.Get("Etag"), sum) {
		return "", &barred{why: "the cloud has other bytes than were sent"}
	}
	return sum, nil
}

// stream sends one through oaktree, and gives its MD5.
func (s *segments) stream(ctx context.Context, segment *pb.PlannedSegment, part *content, told func(int64)) (string, error) {
	told(0)
	stored, err := s.c.send(ctx, part, &pb.UploadStorageObjectRequest{
		Location: s.request.GetLocation(),
		Parent:   s.request.GetParent(),
		Name:     s.request.GetName(),
		Segment: &pb.UploadSegment{
			UploadId:         s.step.GetUploadId(),
			Index:            segment.GetIndex(),
			ObjectSizeBytes:  s.from.size,
			SegmentSizeBytes: s.step.GetSegments()[0].GetSizeBytes(),
		},
	}, told, s.opts)
	return stored.GetEtag(), err
}

func (s *segments) commit(ctx context.Context) (*pb.StorageObject, error) {
	request := s.request
	response, err := unary(ctx, s.c.at, s.c.stub.CommitStorageObject, &pb.CommitStorageObjectRequest{
		Location:         request.GetLocation(),
		RequestId:        request.GetRequestId(),
		Parent:           request.GetParent(),
		Name:             request.GetName(),
		ContentType:      request.GetContentType(),
		Metadata:         request.GetMetadata(),
		OnlyIfAbsent:     request.GetOnlyIfAbsent(),
		ExpiresAt:        request.GetExpiresAt(),
		ModifiedAt:       request.GetModifiedAt(),
		UploadId:         s.step.GetUploadId(),
		SegmentSizeBytes: s.step.GetSegments()[0].GetSizeBytes(),
		Segments:         s.made,
		Sha256:           s.sha256,
	}, commitLimit, nil)
	return response.GetStorageObject(), err
}

// keep is for the very bytes that are there already: what else is asked for is noted on them.
func (s *segments) keep(ctx context.Context) (*pb.StorageObject, error) {
	request := s.request
	if request.GetOnlyIfAbsent() {
		return nil, &Error{
			Message: fmt.Sprintf("there is an object %q already", request.GetName()),
			Code:    codes.AlreadyExists, Reason: "ALREADY_EXISTS", RequestID: request.GetRequestId(),
		}
	}
	s.meter.part("")(s.from.size)
	changes := &pb.UpdateStorageObjectRequest{ExpiresAt: request.GetExpiresAt()}
	if request.GetContentType() != "" {
		changes.ContentType = proto.String(request.GetContentType())
	}
	if len(request.GetMetadata()) > 0 {
		changes.Metadata = &pb.MapUpdate{Set: request.GetMetadata(), Replace: true}
	}
	if proto.Size(changes) == 0 {
		return s.c.Get(ctx, &pb.GetStorageObjectRequest{
			Location: request.GetLocation(), Parent: request.GetParent(), NameOrId: request.GetName(),
		})
	}
	changes.Location, changes.Parent, changes.NameOrId = request.GetLocation(), request.GetParent(), request.GetName()
	return s.c.Update(ctx, changes)
}

// planned is what is to be done with one file.
type planned struct {
	*pb.UploadStep
	// Those of its segments, where oaktree has asked for them.
	md5s []string
}

// askAgain is what is to be done with one file, once the checksums are told that are asked for. A step
// that is there already is the first answer.
func (c StorageObjects) askAgain(ctx context.Context, plan *pb.PlanStorageObjectUploadsRequest, name string, from *content, step *pb.UploadStep) (planned, error) {
	entry := &pb.UploadEntry{Path: name, SizeBytes: from.size}
	// Once for the whole, and once for the segments.
	for range 3 {
		if step != nil {
			if step.GetAction() != pb.UploadAction_UPLOAD_ACTION_NEED_CHECKSUM || !from.isRepeatable {
				break
			}
			if err := checksums(ctx, entry, step, from); err != nil {
				return planned{}, err
			}
		}
		asked := proto.CloneOf(plan)
		asked.Entries = []*pb.UploadEntry{entry}
		steps, err := c.plan(ctx, asked)
		if err != nil {
			return planned{}, err
		}
		if len(steps) != 1 {
			return planned{}, fault("the server planned something else than was asked for")
		}
		step = steps[0]
	}
	return planned{step, entry.GetSegmentMd5S()}, nil
}

// checksums adds those to an entry that a step asks for.
func checksums(ctx context.Context, entry *pb.UploadEntry, step *pb.UploadStep, from *content) error {
	sum := md5.New()
	if step.GetSegments() == nil {
		err := from.section(0, from.size).hashed(ctx, sum)
		entry.Md5 = hexOf(sum)
		return err
	}
	entry.SegmentMd5S = nil
	for _, one := range step.GetSegments() {
		sum.Reset()
		if err := from.section(one.GetOffsetBytes(), one.GetSizeBytes()).hashed(ctx, sum); err != nil {
			return err
		}
		entry.SegmentMd5S = append(entry.SegmentMd5S, hexOf(sum))
	}
	return nil
}
