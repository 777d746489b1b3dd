// Package oaktree is a client of an oaktree: the same calls for every OpenStack cloud.
//
//	client, err := oaktree.Connect("localhost:50051")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	cloud := client.Cloud("devstack")
//	for image, err := range cloud.Images.List(ctx, nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(image.GetName())
//	}
//
// Values and requests are the messages of oaktreemodel/v1, here called pb. A call does not change its
// request, which may be nil where nothing has to be said. Requests grow over time; methods' signatures
// do not.
//
// # Places
//
// The collections of a [Client] span every cloud and region the caller can see, those of
// [Client.Cloud] one cloud, and those of [Client.At] any part of one. What a list yields knows where
// it is: client.At(server.GetLocation()).Servers.
//
// # Who you are
//
// Every call shows a token. One's own oaktree leaves it for its user on this machine. For a deployer's
// oaktree it is made from an application credential, and renewed, or given as it is. Where they come
// from, the first that says it: options; the credentials file of [WithCredentialsFile]; the
// environment, unless OAKTREE_ADDRESS means another oaktree (OAKTREE_TOKEN, or OAKTREE_CLIENT_ID and
// OAKTREE_CLIENT_SECRET, OAKTREE_CLOUD, OAKTREE_CA); the usual credentials file, if it is for this
// address (OAKTREE_CREDENTIALS, else oaktree/credentials.yaml in XDG_CONFIG_HOME or ~/.config). In
// such a file is:
//
//	address: oaktree.example.com:50051
//	client_id: ...
//	client_secret: ...
//	ca: ca.pem      # optional, relative to the file
//	cloud: mycloud  # optional, where the oaktree serves several
//
// A call whose token is refused is sent once more with another; nothing was done. Calls that carry
// [grpc.PerRPCCredentials] of the caller's own show those.
//
// # Time
//
// A context's deadline bounds a call, and cancelling the context ends it. Without a deadline, single
// calls have one of a minute, or of five minutes to create; lists, waits and watches have none.
//
// # Again
//
// Every change carries a request id, which is made where the request has none. Reads and creates are
// sent again by themselves when oaktree was not there for a moment; a create that is sent twice
// makes one thing. Other changes are sent once. Waits and watches connect again when oaktree is lost
// and go on.
//
// # Bytes
//
// [Images.Upload], [Images.Download], [StorageObjects.Upload] and [StorageObjects.Download] move bytes
// from a [Source] and to a [Target], all in one call; [UploadDirectory] and [DownloadDirectory] move
// whole directories. Large ones go straight to and from the cloud where it allows that and can be
// reached from here, in segments where that is better, and else through oaktree. Whichever way it is,
// they are hashed on the way: what arrives otherwise than it was sent is an [ErrDataLoss], and is not
// kept. A transfer is begun again, or goes on, when oaktree was lost meanwhile; a large object and a
// directory go on when the call is made again.
//
// # Errors
//
// Every error of a call is an *[Error] or, where some of several places failed, a
// *[PartialFailure]. Judge by kind, errors.Is(err, [ErrNotFound]), or by [Error.Reason]. What befalls a
// Source or a Target is the error that its own system or reader gives, such as [io/fs.ErrNotExist], or
// [ErrSourceChanged]; of a directory it is a *[FilesFailed].
package oaktree
