package direct

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// Message names. A message may carry one string, which is an ID, or two strings, of which the second is the ID of a
// session. Some messages carry none.
const (
	newUser            = "NewUser"            // to a connected peer: its own ID
	sessionNew         = "SessionNew"         // from a peer: opens a session
	sessionReady       = "SessionReady"       // to that peer: the session's ID
	sessionJoin        = "SessionJoin"        // from another peer: the ID of the session to join
	sessionJoinSuccess = "SessionJoinSuccess" // to both peers: the session's ID
	sessionJoinError   = "SessionJoinError"   // to the joining peer: the session is full or does not exist
	videoOffer         = "VideoOffer"
	videoAnswer        = "VideoAnswer"
	iceCandidate       = "IceCandidate"
	iceError           = "ICEError" // to a peer: a sentence about its mistake, or that the other peer has left
	debug              = "Debug"
)

// Message names that the Rust server does not have. The server sends such messages only to clients that announce support
// with ?moves=1. All of them except userResume are about a third peer that wants to join a session of two.
const (
	userResume    = "UserResume"    // from a peer that reconnects: the ID that it had before
	sessionKnock  = "SessionKnock"  // to the two: a third peer wants to join; to the third: it must wait
	sessionAdmit  = "SessionAdmit"  // from one of the two: admits the third
	sessionMove   = "SessionMove"   // to all three: the room to move to
	sessionRefuse = "SessionRefuse" // from one of the two: denies the third, which gets SessionJoinError
)

// textCount maps the name of each type of message to the number of strings that follow the name.
var textCount = map[string]int{
	newUser: 1, sessionNew: 0, sessionReady: 1, sessionJoin: 1, sessionJoinSuccess: 1, sessionJoinError: 1,
	videoOffer: 2, videoAnswer: 2, iceCandidate: 2, iceError: 2, debug: 0,
	userResume: 1, sessionKnock: 1, sessionAdmit: 1, sessionMove: 2, sessionRefuse: 1,
}

var errUnknownMessage = errors.New("the message is unknown or malformed")

// Message is one signalling message.
type Message struct {
	Name  string
	Texts []string // as many as textCount has for Name
}

// encode appends the message to dst as JSON in the format of Rust's serde for enums: "SessionNew", {"SessionJoin":"id"}
// or {"VideoOffer":["sdp","id"]}. HTML characters are not escaped, because escapes could make a string six times as long.
func (m Message) encode(dst *bytes.Buffer) {
	var form any = m.Name
	switch len(m.Texts) {
	case 0:
	case 1:
		form = map[string]string{m.Name: m.Texts[0]}
	default:
		form = map[string][]string{m.Name: m.Texts}
	}
	e := json.NewEncoder(dst)
	e.SetEscapeHTML(false)
	_ = e.Encode(form)          // strings and maps of strings can always be encoded
	dst.Truncate(dst.Len() - 1) // the line break
}

// readMessage decodes JSON in the format that encode writes. It refuses invalid UTF-8, because the JSON decoder would
// replace each invalid byte by three bytes.
func readMessage(raw []byte) (m Message, err error) {
	if !utf8.Valid(raw) {
		return m, errUnknownMessage
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`)) {
		if json.Unmarshal(raw, &m.Name) != nil {
			return m, errUnknownMessage
		}
		return m, m.check()
	}
	var one map[string]json.RawMessage
	if json.Unmarshal(raw, &one) != nil || len(one) != 1 {
		return m, errUnknownMessage
	}
	for name, content := range one {
		m.Name = name
		if textCount[name] == 1 {
			m.Texts = make([]string, 1)
			err = json.Unmarshal(content, &m.Texts[0])
		} else {
			err = json.Unmarshal(content, &m.Texts)
		}
	}
	if err != nil {
		return m, errUnknownMessage
	}
	return m, m.check()
}

// check returns an error if the message's name is unknown, or if the length of Texts is wrong for this name.
func (m *Message) check() error {
	if want, known := textCount[m.Name]; !known || want != len(m.Texts) {
		return errUnknownMessage
	}
	return nil
}
