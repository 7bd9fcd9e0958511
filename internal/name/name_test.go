package name_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"meet/internal/fault"
	"meet/internal/name"
)

// examples returns names together with their visible form. The tests of the front end use the same file.
func examples(t testing.TB) (all []struct{ What, Given, Shown string }) {
	t.Helper()
	text, err := os.ReadFile("testdata/names.json")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVisibleRemovesInvisibleCharacters(t *testing.T) {
	for _, e := range examples(t) {
		if got := name.Visible(e.Given); got != e.Shown {
			t.Errorf("%s: %+q is shown as %+q, want %+q", e.What, e.Given, got, e.Shown)
		}
		if got := name.Visible(norm.NFD.String(e.Given)); got != e.Shown {
			t.Errorf("%s in NFD: %+q is shown as %+q, want %+q", e.What, e.Given, got, e.Shown)
		}
		room, err := name.Room(e.Given)
		if room != e.Shown || (err == nil) != (room != "") {
			t.Errorf("%s: the room is called %+q, %v; want %+q", e.What, room, err, e.Shown)
		}
	}
}

func TestInvalidNamesOfRoomsAndPeopleAreRefused(t *testing.T) {
	for _, tc := range []struct {
		what, given  string
		room, person error
	}{
		{"empty", "", name.ErrRoomMissing, name.ErrPersonMissing},
		{"spaces", " \t\n ", name.ErrRoomMissing, name.ErrPersonMissing},
		{"invisible", "\u200b", name.ErrRoomInvisible, name.ErrPersonInvisible},
		{"invisible and spaces", " \u3164 \u2800 ", name.ErrRoomInvisible, name.ErrPersonInvisible},
		{"control", "a\x00b", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"tab within", "a\tb", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"line break", "a\nb", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"line separator", "a\u2028b", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"broken UTF-8", "a\xff", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"surrogate", "a\xed\xa0\x80", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"replacement for broken text", "a\ufffd", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"right-to-left override", "\u202eabc", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"left-to-right embedding", "a\u202ab", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"end of an embedding", "a\u202c", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"isolate", "\u2068abc\u2069", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"annotation", "a\ufff9b\ufffac\ufffb", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"private use", "\uf8ff", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"private plane", "\U000f0000", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"noncharacter", "a\ufdd0", name.ErrRoomCharacters, name.ErrPersonCharacters},
		{"dot", ".", name.ErrRoomCharacters, nil},
		{"dots with an invisible character between", ".\u200b.", name.ErrRoomCharacters, nil},
		{"longest", strings.Repeat("a", 128), nil, nil},
		{"longest room", strings.Repeat("a", 256), nil, name.ErrPersonTooLong},
		{"longer", strings.Repeat("a", 257), name.ErrRoomTooLong, name.ErrPersonTooLong},
		{"longer in bytes", strings.Repeat("語", 86), name.ErrRoomTooLong, name.ErrPersonTooLong},
		{"long before it is normalized", strings.Repeat("e\u0301", 128), nil, nil},
		{"much longer", strings.Repeat("a\u200b", 1<<20), name.ErrRoomTooLong, name.ErrPersonTooLong},
	} {
		for what, check := range map[string]struct {
			rule func(string) (string, error)
			want error
		}{"room": {name.Room, tc.room}, "person": {name.Person, tc.person}} {
			got, err := check.rule(tc.given)
			if !errors.Is(err, check.want) || (err == nil) == (got == "") {
				t.Errorf("%s of a %s: %q, error %v; want %v", tc.what, what, got, err, check.want)
			}
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s of a %s: kind %v", tc.what, what, fault.KindOf(err))
			}
		}
	}
}

// NFC can make a name longer than a token may carry.
func TestDisplayNormalizesAndTruncatesNames(t *testing.T) {
	for given, want := range map[string]string{
		"":                                    "",
		" Cafe\u0301\u200b ":                  "Café",
		strings.Repeat("a", 257):              strings.Repeat("a", 256),
		strings.Repeat("語", 86):               strings.Repeat("語", 85),
		strings.Repeat("\u0958", 85):          strings.Repeat("\u0915\u093c", 42) + "\u0915",
		"a" + strings.Repeat("a ", 128):       "a" + strings.Repeat("a ", 127) + "a",
		"aaa" + strings.Repeat("👩\u200d", 38): "aaa" + strings.Repeat("👩\u200d", 35) + "👩", // no joiner at the end
	} {
		if got := name.Display(given); got != want {
			t.Errorf("%+q is displayed as %+q, want %+q", given, got, want)
		}
	}
}

func TestLookupNormalizesOnlyValidNames(t *testing.T) {
	for given, want := range map[string]string{" sp ": "sp", "cafe\u0301": "café", "a\u200b": "a", "\u202eabc": "\u202eabc", "..": "..", "": "", "\u200b": "\u200b"} {
		if got := name.Lookup(given); got != want {
			t.Errorf("%+q is found as %+q, want %+q", given, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, e := range examples(f) {
		f.Add(e.Given)
	}
	f.Add("a\u202eb\x00\xff")
	var alphabet []rune // characters that the rules treat specially; random bytes rarely form them
	for _, e := range examples(f) {
		alphabet = append(alphabet, []rune(e.Given)...)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkVisible(t, s)
		var b strings.Builder
		for _, i := range []byte(s) {
			b.WriteRune(alphabet[int(i)%len(alphabet)])
		}
		checkVisible(t, b.String())
	})
}

// checkVisible checks properties that the results of Visible, Display and Room must have for every input.
func checkVisible(t *testing.T, s string) {
	got := name.Visible(s)
	switch {
	case !utf8.ValidString(got), !norm.NFC.IsNormalString(got):
		t.Errorf("%+q is shown as %+q, which is not in NFC", s, got)
	case name.Visible(got) != got:
		t.Errorf("%+q is shown as %+q, and that as %+q", s, got, name.Visible(got))
	case name.Visible(norm.NFD.String(s)) != got && utf8.ValidString(s):
		t.Errorf("%+q is shown as %+q, and its decomposition as %+q", s, got, name.Visible(norm.NFD.String(s)))
	case got != "" && !strings.ContainsFunc(got, isVisible):
		t.Errorf("%+q is shown as %+q, of which nothing can be seen", s, got)
	case got != strings.TrimSpace(got):
		t.Errorf("%+q is shown as %+q, with spaces around it", s, got)
	}
	if d := name.Display(s); len(d) > name.MaxBytes || name.Display(d) != d || !strings.HasPrefix(got, d) {
		t.Errorf("%+q is displayed as %+q, and shown as %+q", s, d, got)
	}
	room, err := name.Room(s)
	if err != nil {
		return
	}
	if again, err := name.Room(room); err != nil || again != room || room != got || len(room) > name.MaxBytes {
		t.Errorf("%+q makes the room %+q, and that %+q, %v", s, room, again, err)
	}
}

// isVisible reports whether a character has a glyph of its own, or is unknown to this version of Go.
func isVisible(r rune) bool {
	return r != 0x2800 && r != 0x3164 && r != 0xffa0 && !unicode.In(r, unicode.M, unicode.Z, unicode.Cc, unicode.Co, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
