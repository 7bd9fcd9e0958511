//go:build !gosdk_2_16

// Command echo is a participant for tests of other SDKs, built with LiveKit's Go SDK. It answers the RPC method
// "greet". It sends text streams with the topic "files" back with the topic "back". When it receives the data packet
// "call me", it calls the sender's RPC method "greet" and sends the result to the sender as a data packet.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run joins the room and serves requests until standard input ends.
func run() error {
	url := flag.String("url", "", "address of the server")
	info := lksdk.ConnectInfo{ParticipantIdentity: "go"}
	flag.StringVar(&info.APIKey, "key", "", "API key")
	flag.StringVar(&info.APISecret, "secret", "", "its secret")
	flag.StringVar(&info.RoomName, "room", "", "room to join")
	single := flag.Bool("single", false, "use one peer connection")
	flag.Parse()

	var room *lksdk.Room
	callback := &lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{
		OnDataPacket: func(data lksdk.DataPacket, params lksdk.DataReceiveParams) {
			if user, ok := data.(*lksdk.UserDataPacket); ok && string(user.Payload) == "call me" {
				go callBack(room, params.SenderIdentity) // ends with the response, or after the timeout of the call
			}
		},
	}}
	room = lksdk.NewRoom(callback)
	err := room.RegisterRpcMethod("greet", func(d lksdk.RpcInvocationData) (string, error) {
		return d.CallerIdentity + " said " + d.Payload, nil
	})
	if err != nil {
		return err
	}
	err = room.RegisterTextStreamHandler("files", func(r *lksdk.TextStreamReader, from string) {
		go func() { // ends with the stream
			room.LocalParticipant.SendText(r.ReadAll(), lksdk.StreamTextOptions{Topic: "back", DestinationIdentities: []string{from}})
		}()
	})
	if err != nil {
		return err
	}
	var opts []lksdk.ConnectOption
	if *single {
		opts = append(opts, lksdk.WithSinglePeerConnection())
	}
	if err := room.Join(*url, info, opts...); err != nil {
		return err
	}
	defer room.Disconnect()
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString(0)
	return nil
}

// callBack calls the method "greet" of a participant and sends it the result.
func callBack(room *lksdk.Room, identity string) {
	answer, err := room.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: identity, Method: "greet", Payload: "hello"})
	text := fmt.Sprint(err)
	if answer != nil {
		text = *answer
	}
	packet := &lksdk.UserDataPacket{Payload: []byte(text), Topic: "answer"}
	if err := room.LocalParticipant.PublishDataPacket(packet, lksdk.WithDataPublishReliable(true), lksdk.WithDataPublishDestination([]string{identity})); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
