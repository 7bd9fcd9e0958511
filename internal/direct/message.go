package direct

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// Names of messages. Those of one text carry an id; those of two a text and the id of a session; the rest nothing.
const (
	newUser            = "NewUser"            // to who connects: its own id
	sessionNew         = "SessionNew"         // from who wants to open a session
	sessionReady       = "SessionReady"       // to it: the session's id
	sessionJoin        = "SessionJoin"        // from who was told an id
	sessionJoinSuccess = "SessionJoinSuccess" // to both: the other is there
	sessionJoinError   = "SessionJoinError"   // to who was told a wrong one
	videoOffer         = "VideoOffer"
	videoAnswer        = "VideoAnswer"
	iceCandidate       = "IceCandidate"
	iceError           = "ICEError" // to who did something wrong, or whose other is gone: a sentence
	debug              = "Debug"
)

// Messages that the Rust server lacks. They are sent only to clients that declare them (see moves); others do not know
// the names. All but userResume are for a third participant, which waits until the two answer.
const (
	userResume    = "UserResume"    // from who connects again: the id it had before
	sessionKnock  = "SessionKnock"  // to the two of a session: a third has its id; to the third: they have been asked
	sessionAdmit  = "SessionAdmit"  // from one of the two: all of them go to a room
	sessionMove   = "SessionMove"   // to all of them: which room
	sessionRefuse = "SessionRefuse" // from one of the two: the third is not let in, and gets a SessionJoinError
)

// texts is how many texts each message carries.
var textCount = map[string]int{
	newUser: 1, sessionNew: 0, sessionReady: 1, sessionJoin: 1, sessionJoinSuccess: 1, sessionJoinError: 1,
	videoOffer: 2, videoAnswer: 2, iceCandidate: 2, iceError: 2, debug: 0,
	userResume: 1, sessionKnock: 1, sessionAdmit: 1, sessionMove: 2, sessionRefuse: 1,
}

var errUnknownMessage = errors.New("this is none of the messages that are understood here")

// Message is one message: a name and its texts.
type Message struct {
	Name  string
	Texts []string
}

// encode writes "SessionNew", {"SessionJoin":"id"} or {"VideoOffer":["sdp","id"]}, as serde does for enums. Characters of
// HTML stay as they are: escaped, a text could become six times as long.
func (m Message) encode(to *bytes.Buffer) {
	var form any = m.Name
	switch len(m.Texts) {
	case 0:
	case 1:
		form = map[string]string{m.Name: m.Texts[0]}
	default:
		form = map[string][]string{m.Name: m.Texts}
	}
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	_ = e.Encode(form)        // texts and maps of them can always be encoded
	to.Truncate(to.Len() - 1) // the line break
}

// readMessage decodes what encode writes. It refuses invalid UTF-8, each byte of which the decoder would replace by three.
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

func (m *Message) check() error {
	if want, known := textCount[m.Name]; !known || want != len(m.Texts) {
		return errUnknownMessage
	}
	return nil
}
