// Package name is the one rule for how rooms and people are called, so that two names that look alike are one.
//
// Names are in Unicode's normalization form C (UAX #15), with single spaces, and without characters that are not seen.
// Joiners, variation selectors and tags stay where they change how their neighbours look: in emoji and in scripts that
// join their letters. web/app/lib/name.ts is the same rule for what browsers type and show, and testdata/names.json the
// examples that both are tested with.
//
// Room names are changed to this form wherever one comes in: in pages ([Room]), in access tokens and in requests of the
// server APIs ([Lookup]). Rooms refuse to be made under any other. Identities stay byte by byte what back ends chose,
// since clients address each other by them.
package name
