package oaktree_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// store is a container behind a fake oaktree, which plans, stores and gives as a real one does.
type store struct {
	mu      sync.Mutex
	objects map[string][]byte
	// By upload and index; what is committed is gone from here.
	segments map[string][]byte
	// How large those of large objects are; 0: nothing goes in segments.
	segmentBytes int64
	// What goes straight. Nil where that is not offered.
	cloud *cloud
	plans []*pb.PlanStorageObjectUploadsRequest
	// What was stored through oaktree, and the commits.
	sent    []*pb.UploadStorageObjectRequest
	commits []*pb.CommitStorageObjectRequest
	signs   int
}

const (
	uploadID = "5d3c1a5e-0000-4000-8000-000000000001"
	home     = ".oaktree/segments/x/" + uploadID + "/"
)

func newStore(f *fake) *store {
	s := &store{objects: map[string][]byte{}, segments: map[string][]byte{}}
	f.answer("PlanStorageObjectUploads", answer{choose: func(request proto.Message) answer {
		return s.plan(request.(*pb.PlanStorageObjectUploadsRequest))
	}})
	f.answer("UploadStorageObject", answer{serve: s.upload})
	f.answer("CommitStorageObject", answer{choose: func(request proto.Message) answer {
		return s.commit(request.(*pb.CommitStorageObjectRequest))
	}})
	f.answer("SignStorageObjects", answer{choose: s.sign})
	f.answer("ListStorageObjects", answer{choose: s.list})
	f.answer("DeleteManyStorageObjects", answer{choose: s.deleteMany})
	f.answer("DownloadStorageObject", answer{choose: s.download})
	return s
}

// put is an object that is there.
func (s *store) put(name string, content []byte) {
	s.objects[name] = content
	if s.cloud != nil {
		s.cloud.kept["/c/"+name] = content
	}
}

// all is what is there, by name, also what went straight.
func (s *store) all() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := maps.Clone(s.objects)
	if s.cloud != nil {
		s.cloud.mu.Lock()
		defer s.cloud.mu.Unlock()
		for path, content := range s.cloud.kept {
			if name, ok := strings.CutPrefix(path, "/c/"); ok && !strings.HasPrefix(name, ".oaktree/") {
				made[name] = content
			}
		}
	}
	return made
}

func (s *store) plan(request *pb.PlanStorageObjectUploadsRequest) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans = append(s.plans, request)
	made := &pb.PlanStorageObjectUploadsResponse{}
	listed := map[string]bool{}
	former := request.GetAfter()
	for _, entry := range request.GetEntries() {
		if entry.GetPath() <= former {
			return breaks(refusal(codes.InvalidArgument, "INVALID_ARGUMENT", fmt.Sprintf("%q after %q", entry.GetPath(), former)))
		}
		former = entry.GetPath()
		listed[entry.GetPath()] = true
		made.Steps = append(made.Steps, s.step(request.GetPrefix()+entry.GetPath(), entry))
	}
	for name := range s.objects {
		path, ok := strings.CutPrefix(name, request.GetPrefix())
		if ok && request.GetFindsExtra() && !listed[path] && path > request.GetAfter() && (request.GetIsLast() || path < former) {
			made.Steps = append(made.Steps, &pb.UploadStep{Path: path, Name: name, Action: pb.UploadAction_UPLOAD_ACTION_DELETE})
		}
	}
	return reply(made)
}

func (s *store) step(name string, entry *pb.UploadEntry) *pb.UploadStep {
	step := &pb.UploadStep{Path: entry.GetPath(), Name: name, Action: pb.UploadAction_UPLOAD_ACTION_SEND, Why: "none is there"}
	there, ok := s.objects[name]
	size := entry.GetSizeBytes()
	isSame := ok && int64(len(there)) == size
	if s.segmentBytes == 0 || size <= s.segmentBytes {
		switch {
		case isSame && entry.GetMd5() == "":
			step.Action = pb.UploadAction_UPLOAD_ACTION_NEED_CHECKSUM
		case isSame && entry.GetMd5() == md5Of(there):
			step.Action = pb.UploadAction_UPLOAD_ACTION_SKIP
		}
		return step
	}
	step.UploadId = uploadID
	isAll := isSame
	for at := int64(0); at < size; at += s.segmentBytes {
		index := int32(len(step.Segments))
		one := &pb.PlannedSegment{
			Index: index, OffsetBytes: at, SizeBytes: min(s.segmentBytes, size-at), Name: home + fmt.Sprint(index),
		}
		if sums := entry.GetSegmentMd5S(); sums != nil {
			one.IsDone = md5Of(s.segments[one.GetName()]) == sums[index]
			isAll = isAll && md5Of(there[at:at+one.GetSizeBytes()]) == sums[index]
		}
		step.Segments = append(step.Segments, one)
	}
	switch {
	case entry.GetSegmentMd5S() == nil && (isSame || len(s.segments) > 0):
		step.Action = pb.UploadAction_UPLOAD_ACTION_NEED_CHECKSUM
	case isAll:
		step.Action, step.Segments = pb.UploadAction_UPLOAD_ACTION_SKIP, nil
	}
	return step
}

func (s *store) upload(stream grpc.ServerStream, said proto.Message) error {
	first := said.(*pb.UploadStorageObjectRequest)
	came := newReceived()
	if err := came.after(stream, first, &pb.UploadStorageObjectResponse{Progress: &pb.UploadProgress{}}); err != nil {
		return err
	}
	content := came.bytes.Bytes()
	if int64(len(content)) != first.GetContent().GetSizeBytes() || came.finish.GetSha256() != sha256Of(content) {
		return refusal(codes.DataLoss, "BYTES_DIFFER", "others came")
	}
	s.mu.Lock()
	s.sent = append(s.sent, first)
	if segment := first.GetSegment(); segment != nil {
		s.segments[strings.Replace(home, uploadID, segment.GetUploadId(), 1)+fmt.Sprint(segment.GetIndex())] = content
	} else {
		s.objects[first.GetName()] = content
	}
	s.mu.Unlock()
	return stream.SendMsg(&pb.UploadStorageObjectResponse{StorageObject: objectOf(first.GetName(), content)})
}

func objectOf(name string, content []byte) *pb.StorageObject {
	return &pb.StorageObject{Name: name, SizeBytes: proto.Int64(int64(len(content))), Etag: md5Of(content)}
}

func (s *store) commit(request *pb.CommitStorageObjectRequest) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits = append(s.commits, request)
	var whole []byte
	for index, one := range request.GetSegments() {
		name := strings.Replace(home, uploadID, request.GetUploadId(), 1) + fmt.Sprint(index)
		content, ok := s.segments[name]
		if !ok && s.cloud != nil {
			s.cloud.mu.Lock()
			content = s.cloud.kept["/c/"+name]
			s.cloud.mu.Unlock()
		}
		if md5Of(content) != one.GetMd5() || int64(len(content)) != one.GetSizeBytes() {
			return breaks(refusal(codes.DataLoss, "BYTES_DIFFER", "segment "+fmt.Sprint(index)))
		}
		delete(s.segments, name)
		whole = append(whole, content...)
	}
	s.objects[request.GetName()] = whole
	return reply(&pb.CommitStorageObjectResponse{StorageObject: objectOf(request.GetName(), whole)})
}

func (s *store) sign(said proto.Message) answer {
	request := said.(*pb.SignStorageObjectsRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signs++
	if s.cloud == nil {
		return breaks(refusal(codes.FailedPrecondition, "NOT_OFFERED", "no"))
	}
	ticket := &pb.Ticket{
		HttpMethod: http.MethodGet, ExpectedStatus: http.StatusOK, Auth: pb.TicketAuth_TICKET_AUTH_SIGNED,
		Url: s.cloud.URL + "/c/", UrlEnd: fmt.Sprintf("?sig=%d", s.signs), Prefix: request.GetPrefix(),
	}
	if request.GetIsUpload() {
		ticket.HttpMethod, ticket.ExpectedStatus = http.MethodPut, http.StatusCreated
	}
	return reply(&pb.SignStorageObjectsResponse{Ticket: ticket})
}

func (s *store) list(said proto.Message) answer {
	request := said.(*pb.ListStorageObjectsRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	made := &pb.ListStorageObjectsResponse{}
	for name, content := range s.objects {
		if strings.HasPrefix(name, request.GetPrefix()) {
			made.StorageObjects = append(made.StorageObjects, objectOf(name, content))
		}
	}
	slices.SortFunc(made.StorageObjects, func(a, b *pb.StorageObject) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return reply(made)
}

func (s *store) deleteMany(said proto.Message) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := &pb.DeleteManyStorageObjectsResponse{}
	for _, name := range said.(*pb.DeleteManyStorageObjectsRequest).GetNames() {
		delete(s.objects, name)
		made.StorageObjects = append(made.StorageObjects, &pb.StorageObject{Name: name})
	}
	return reply(made)
}

func (s *store) download(said proto.Message) answer {
	request := said.(*pb.DownloadStorageObjectRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.objects[request.GetNameOrId()]
	if !ok {
		return breaks(refusal(codes.NotFound, "NOT_FOUND", "none"))
	}
	part := content[request.GetPart().GetOffsetBytes():]
	object := objectOf(request.GetNameOrId(), content)
	told := &pb.DownloadContent{SizeBytes: object.SizeBytes, Etag: object.GetEtag(), Md5: object.GetEtag()}
	messages := []proto.Message{&pb.DownloadStorageObjectResponse{StorageObject: object, Content: told}}
	for chunk := range slices.Chunk(part, chunk) {
		messages = append(messages, &pb.DownloadStorageObjectResponse{Chunk: chunk})
	}
	return reply(append(messages, &pb.DownloadStorageObjectResponse{Finish: finishOf(request.GetPart(), told, part)})...)
}

// straightTo has what the store keeps go straight to a cloud.
func (s *store) straightTo(t testing.TB) *cloud {
	s.cloud = newCloud(t)
	return s.cloud
}
