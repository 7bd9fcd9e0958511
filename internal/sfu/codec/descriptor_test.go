package codec

import (
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Descriptors sent by Chromium. VP9 in mode L2T2 starts with a structure of which only the lower spatial layer is active
// at first.
const (
	keyL2T2   = "c00001c003187aaaf130a0a014d141382304600864222226501df010d03bf021b3"
	upperL2T2 = "c200025fa0008080"
	keyL3T3   = "c0000180081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b5524906d54923157e001974ca864330e222396eca8655304224390eca8775300ef008601df010d03bf021b"
	oneLayer  = "c0000180003a4000" // templates of a key frame, and of a frame that depends on the previous one
)

// unhex decodes hexadecimal digits.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// summarize returns a short description of a frame, with a letter for each decode target as in the specification.
func summarize(info *Info) string {
	f := &info.Frame
	targets := ""
	for t := range f.Structure.Targets {
		targets += string("-DSR"[f.Indication(t)])
	}
	return fmt.Sprintf("S%dT%d #%d %s needs %v of %b, new %v, first %v, last %v, key %v", info.Spatial, info.Temporal, f.Number,
		targets, f.Dependencies(), f.ActiveTargets, f.NewStructure, f.StartOfFrame, f.EndOfFrame, info.KeyFrame)
}

func TestDependencyDescriptorReaderReadsStructuresAndFrames(t *testing.T) {
	for _, tt := range []struct {
		name string
		exts []string
		want []string
	}{
		{"two spatial layers, one inactive at first", []string{keyL2T2, upperL2T2, "8100035fa2010100", "4100031a201010", "830004", "430004"}, []string{
			"S0T0 #1 SSSS needs [] of 11, new true, first true, last true, key true",
			"S0T1 #2 -D-R needs [1] of 1111, new false, first true, last true, key false",
			"S0T0 #3 SSRR needs [2] of 1111, new false, first true, last false, key false",
			"S0T0 #3 SSRR needs [2] of 1111, new false, first false, last true, key false",
			"S1T0 #4 --SS needs [1] of 1111, new false, first true, last false, key false",
			"S1T0 #4 --SS needs [1] of 1111, new false, first false, last true, key false",
		}},
		{"nine decode targets", []string{keyL3T3, "c50002", "8a0003", "c30004"}, []string{
			"S0T0 #1 SSSSSSSSS needs [] of 111111111, new true, first true, last true, key true",
			"S1T0 #2 ---SSSSSS needs [1] of 111111111, new false, first true, last true, key false",
			"S2T0 #3 ------SSS needs [1] of 111111111, new false, first true, last false, key false",
			"S0T2 #4 --D------ needs [3] of 111111111, new false, first true, last true, key false",
		}},
		{"one layer", []string{oneLayer, "c10002"}, []string{
			"S0T0 #1 S needs [] of 1, new true, first true, last true, key true",
			"S0T0 #2 S needs [1] of 1, new false, first true, last true, key false",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d DescriptorReader
			for i, ext := range tt.exts {
				var info Info
				if err := d.Read(unhex(t, ext), &info); err != nil {
					t.Fatalf("descriptor %d: %v", i, err)
				}
				if d := cmp.Diff(tt.want[i], summarize(&info)); d != "" {
					t.Errorf("descriptor %d: %s", i, d)
				}
			}
		})
	}
}

func TestDecodeTargetHasTheHighestLayersOfItsTemplates(t *testing.T) {
	var d DescriptorReader
	var info Info
	if err := d.Read(unhex(t, keyL3T3), &info); err != nil {
		t.Fatal(err)
	}
	for target := range 9 {
		if s, te := info.Frame.Structure.Layers(target); s != target/3 || te != target%3 {
			t.Errorf("decode target %d is S%dT%d", target, s, te)
		}
	}
}

func TestMalformedDependencyDescriptorsAreRejected(t *testing.T) {
	key := unhex(t, keyL2T2)
	for _, tt := range []struct {
		name string
		ext  []byte
		want error
	}{
		{"empty", nil, ErrDescriptor},
		{"two bytes", key[:2], ErrDescriptor},
		{"truncated after the flags", key[:4], ErrDescriptor},
		{"truncated in the templates", key[:8], ErrDescriptor},
		{"truncated in the resolutions", key[:len(key)-3], ErrDescriptor},
		{"no structure received", unhex(t, "c10002"), ErrNoStructure},
		{"a mask without structure", unhex(t, upperL2T2), ErrNoStructure},
		{"endless templates", append(unhex(t, "c000018000"), make([]byte, 200)...), ErrDescriptor},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d DescriptorReader
			info := Info{Spatial: 3}
			if err := d.Read(tt.ext, &info); !errors.Is(err, tt.want) {
				t.Errorf("Read = %v, want %v", err, tt.want)
			}
			if info.Spatial != 3 || info.Frame.Structure != nil {
				t.Errorf("info was changed: %+v", info)
			}
		})
	}
	t.Run("a malformed structure does not replace the previous one", func(t *testing.T) {
		var d DescriptorReader
		var info Info
		if err := d.Read(key, &info); err != nil {
			t.Fatal(err)
		}
		if err := d.Read(unhex(t, keyL3T3)[:20], &info); !errors.Is(err, ErrDescriptor) {
			t.Fatalf("Read = %v", err)
		}
		if err := d.Read(unhex(t, "830004"), &info); err != nil || info.Frame.Structure.Targets != 4 {
			t.Errorf("Read = %v with %d targets", err, info.Frame.Structure.Targets)
		}
	})
	t.Run("an unknown template", func(t *testing.T) {
		var d DescriptorReader
		var info Info
		if err := d.Read(unhex(t, oneLayer), &info); err != nil {
			t.Fatal(err)
		}
		if err := d.Read(unhex(t, "c20002"), &info); !errors.Is(err, ErrNoStructure) {
			t.Errorf("Read = %v", err)
		}
	})
}

func TestRewriteDescriptorReplacesFrameNumberAndActiveDecodeTargets(t *testing.T) {
	var before, after DescriptorReader
	for i, ext := range []string{keyL2T2, upperL2T2, "8100035fa2010100", "4100031a201010", "830004"} {
		var was, is Info
		raw := unhex(t, ext)
		if err := before.Read(raw, &was); err != nil {
			t.Fatal(err)
		}
		out := RewriteDescriptor(make([]byte, 0, 255), raw, 60000+uint16(i), was.Frame.Mask(0b0101))
		if err := after.Read(out, &is); err != nil {
			t.Fatalf("rewritten descriptor %d is malformed: % x: %v", i, out, err)
		}
		want := was
		want.Frame.Number, want.Frame.ActiveTargets = 60000+uint16(i), 0b0101
		if d := cmp.Diff(summarize(&want), summarize(&is)); d != "" || !is.Frame.HasMask {
			t.Errorf("descriptor %d, has a mask: %v: %s", i, is.Frame.HasMask, d)
		}
		same := RewriteDescriptor(make([]byte, 0, 255), raw, was.Frame.Number, Mask{})
		if d := cmp.Diff(raw, same); d != "" {
			t.Errorf("descriptor %d changed although its values are the same: %s", i, d)
		}
	}
}

// FuzzDependencyDescriptors reads two consecutive descriptors. Rewritten, they must have the same content except for frame
// number and active targets.
func FuzzDependencyDescriptors(f *testing.F) {
	for _, pair := range [][2]string{{keyL2T2, upperL2T2}, {keyL3T3, "c50002"}, {keyL2T2, "8100035fa2010100"}, {oneLayer, keyL3T3}} {
		f.Add(unhex(f, pair[0]), unhex(f, pair[1]), uint16(7), uint32(5))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, number uint16, active uint32) {
		var before, after DescriptorReader
		for _, ext := range [][]byte{first, second} {
			if len(ext) > 250 {
				return
			}
			var was, is Info
			if before.Read(ext, &was) != nil {
				RewriteDescriptor(make([]byte, 0, 255), ext, number, Mask{ActiveTargets: active, at: number, Bits: 32})
				return
			}
			active &= 1<<was.Frame.Structure.Targets - 1
			out := RewriteDescriptor(make([]byte, 0, 255), ext, number, was.Frame.Mask(active))
			if err := after.Read(out, &is); err != nil {
				t.Fatalf("% x became % x: %v", ext, out, err)
			}
			was.Frame.Number, was.Frame.ActiveTargets = number, active
			if a, b := summarize(&was), summarize(&is); a != b {
				t.Fatalf("% x\nwas %s\nis  %s", ext, a, b)
			}
		}
	})
}
