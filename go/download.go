package oaktree

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// downloadRequest is what every download's request has beside its own.
type downloadRequest interface {
	proto.Message
	GetPart() *pb.DownloadPart
}

// downloadResponse is what every download's response has beside what the bytes are of.
type downloadResponse interface {
	GetContent() *pb.DownloadContent
	GetChunk() []byte
	GetFinish() *pb.DownloadFinish
}

// signer gets a ticket for what a download is of; nil if there is none.
type signer = func(context.Context) (*pb.Ticket, error)

// download puts the bytes of something into a target.
func download[Q downloadRequest, A, T any](ctx context.Context, at *place, open opener[Q, A], target Target, request Q, result func(*A) T, opts []grpc.CallOption) (T, error) {
	return downloadWith(ctx, at, open, target, request, result, nil, opts)
}

// downloadWith is download, of what has to be signed to be fetched straight from the cloud.
func downloadWith[Q downloadRequest, A, T any](ctx context.Context, at *place, open opener[Q, A], target Target, request Q, result func(*A) T, sign signer, opts []grpc.CallOption) (T, error) {
	var none T
	ctx, leave := at.whileOpen(ctx)
	defer leave()
	asked, err := prepare(at, request)
	if err != nil {
		return none, err
	}
	to, err := target.open()
	if err != nil {
		return none, err
	}
	defer to.drop()
	d := &downloading[Q, A]{
		at: at, open: open, request: asked, to: to, sign: sign,
		straight: goesStraight(opts),
		again:    &repeats{at: at},
		opts:     opts,
	}
	if err := d.all(ctx); err != nil {
		return none, err
	}
	if err := d.verify(); err != nil {
		return none, err
	}
	if err := to.keep(); err != nil {
		return none, err
	}
	d.told(d.came)
	return result(d.about), nil
}

// downloading is one download, however often it is begun.
type downloading[Q downloadRequest, A any] struct {
	at       *place
	open     opener[Q, A]
	opts     []grpc.CallOption
	request  Q
	to       *sink
	sign     signer
	straight bool
	again    *repeats

	// What the bytes are of, by the first response of the attempt that brought the first of them.
	about   *A
	content *pb.DownloadContent
	// How many there are to be; -1 where that is not known.
	total int64
	came  int64
	// Of all bytes of the content, and what it has to be. Nil where only a part is asked for, or the
	// content tells no digest.
	whole  hash.Hash
	stored string
	told   func(int64)
}

// all gets all bytes, in as many attempts as it takes.
func (d *downloading[Q, A]) all(ctx context.Context) error {
	for {
		d.again.begin()
		came := d.came
		ticket, err := d.attempt(ctx)
		if err == nil && ticket != nil {
			err = d.fetch(ctx, ticket)
		}
		if err == nil {
			return nil
		}
		var barred *barred
		if errors.As(err, &barred) && ctx.Err() == nil {
			// What has brought some bytes is asked for once more, and given up after a while.
			d.again.count++
			d.straight = d.came > came && d.again.count < mostRepeats
			continue
		}
		if barred != nil {
			return cancelled(ctx.Err())
		}
		if d.came > 0 && d.content.GetEtag() == "" && d.whole == nil {
			// Nothing would say whether the rest is of the same bytes.
			return err
		}
		if err := d.again.wait(ctx, err); err != nil {
			return err
		}
	}
}

// attempt asks oaktree for what is still missing, and takes it in or gets a ticket for it.
func (d *downloading[Q, A]) attempt(ctx context.Context) (*pb.Ticket, error) {
	asked := proto.CloneOf(d.request)
	if d.straight {
		set(asked, "accepts_ticket", protoreflect.ValueOfBool(true))
	}
	part := proto.CloneOf(asked.GetPart())
	if part == nil {
		part = &pb.DownloadPart{}
	}
	// Where the first response told no digest, a later one that does would not be looked at.
	part.ChecksContent = part.GetOffsetBytes() == 0 && part.LengthBytes == nil && (d.came == 0 || d.whole != nil)
	if d.came > 0 {
		part.OffsetBytes += d.came
		part.IfEtag = d.content.GetEtag()
		if part.LengthBytes != nil {
			*part.LengthBytes -= d.came
		}
	}
	set(asked, "part", protoreflect.ValueOfMessage(part.ProtoReflect()))
	var (
		ticket *pb.Ticket
		finish *pb.DownloadFinish
		sum    = sha256.New()
		failed error
	)
	opts := append(d.opts[:len(d.opts):len(d.opts)], &d.again.shown)
	_, err := each(ctx, d.at, d.open, asked, opts, func(answer *A) bool {
		told := any(answer).(downloadResponse)
		if content := told.GetContent(); content != nil && d.came == 0 {
			d.begin(answer, content)
		}
		if ticket = ticketOf(answer); ticket == nil && told.GetContent() != nil {
			ticket, failed = d.signed(ctx)
		}
		if ticket != nil || failed != nil {
			return false
		}
		if chunk := told.GetChunk(); len(chunk) > 0 {
			if d.whole == nil {
				sum.Write(chunk)
			}
			failed = d.take(chunk)
		}
		finish = told.GetFinish()
		return failed == nil
	})
	switch {
	case failed != nil:
		return nil, failed
	case err != nil || ticket != nil:
		return ticket, err
	case finish == nil || d.about == nil:
		return nil, fault("the server ended the download without saying that all was sent")
	case d.whole == nil && finish.GetSha256() != hexOf(sum):
		return nil, differ("the bytes that came have the SHA-256 %s, and oaktree sent %s", hexOf(sum), finish.GetSha256())
	}
	return nil, nil
}

// begin notes what the bytes are. While none has come they may become others.
func (d *downloading[Q, A]) begin(answer *A, content *pb.DownloadContent) {
	part := d.request.GetPart()
	hasLength := part != nil && part.LengthBytes != nil
	d.about, d.content, d.total = answer, content, -1
	d.whole, d.stored = nil, ""
	if content.SizeBytes != nil {
		d.total = max(content.GetSizeBytes()-part.GetOffsetBytes(), 0)
		if hasLength {
			d.total = min(d.total, part.GetLengthBytes())
		}
	}
	if part.GetOffsetBytes() == 0 && (!hasLength || d.total == content.GetSizeBytes()) {
		// One is enough: each costs more than all the rest.
		switch {
		case content.GetSha256() != "":
			d.whole, d.stored = sha256.New(), content.GetSha256()
		case content.GetSha512() != "":
			d.whole, d.stored = sha512.New(), content.GetSha512()
		case content.GetMd5() != "":
			d.whole, d.stored = md5.New(), content.GetMd5()
		}
	}
	d.told = meterOf(d.opts, subject(d.request), d.total).part("")
}

// signed is a ticket for what is still to come, where one has to be asked for and is worth it.
func (d *downloading[Q, A]) signed(ctx context.Context) (*pb.Ticket, error) {
	// Without a digest nothing would say that the right bytes came.
	if d.sign == nil || !d.straight || d.whole == nil || d.total-d.came < directBytes {
		return nil, nil
	}
	return d.sign(ctx)
}

// take puts some bytes where they belong.
func (d *downloading[Q, A]) take(some []byte) error {
	if d.total >= 0 && d.came+int64(len(some)) > d.total {
		return differ("more bytes came than the %d there are", d.total)
	}
	if _, err := d.to.Write(some); err != nil {
		return err
	}
	if d.whole != nil {
		d.whole.Write(some)
	}
	d.came += int64(len(some))
	d.told(d.came)
	return nil
}

// verify says whether what came is what is stored.
func (d *downloading[Q, A]) verify() error {
	if d.total >= 0 && d.came != d.total {
		return differ("%d bytes came of %d", d.came, d.total)
	}
	if d.whole == nil {
		return nil
	}
	if came := hexOf(d.whole); !strings.EqualFold(came, d.stored) {
		return differ("the bytes that came have the digest %s, and what is stored has %s", came, d.stored)
	}
	return nil
}

// fetch gets what is still missing straight from the cloud. What does not work there is a *barred.
func (d *downloading[Q, A]) fetch(ctx context.Context, ticket *pb.Ticket) error {
	if d.came == d.total {
		return nil
	}
	part := d.request.GetPart()
	of := stretch{name: subject(d.request), offset: part.GetOffsetBytes() + d.came, end: -1}
	of.isPart = of.offset > 0 || part.GetLengthBytes() > 0
	if d.total >= 0 {
		of.end = part.GetOffsetBytes() + d.total
	}
	if d.sign != nil {
		of.etag = d.content.GetEtag()
	}
	if err := d.at.get(ctx, ticket, d.again.shown.token, of, d.take); err != nil {
		return err
	}
	if d.total >= 0 && d.came < d.total {
		return &barred{why: "the cloud sent too few bytes"}
	}
	return nil
}
