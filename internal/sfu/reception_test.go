package sfu

import (
	"testing"

	"github.com/pion/rtcp"
)

func TestReceptionTrackerSumsLossOfReceptionReports(t *testing.T) {
	type report struct {
		highest, lost uint32
		expected, sum int64
		what          string
	}
	var tracker receptionTracker
	for _, r := range []report{
		{1000, 7, 0, 0, "the first report is where counting begins"},
		{1100, 17, 100, 10, "ten of a hundred"},
		{1200, 17, 200, 10, "none"},
		{1300, 12, 300, 5, "five have come late"},
		{1250, 12, 300, 5, "an older report"},
		{1350, 0xffffff, 400, -8, "more came than were expected: the count is signed"},
		{1450, 5, 500, -2, "and back"},
		{1460, 500, 510, 8, "no more are lost than were expected"},
		{1460 + maxReported + 1, 500, 510, 8, "a leap is another stream or a lie"},
		{1460 + maxReported + 11, 501, 520, 9, "and counting goes on"},
	} {
		tracker.add(&rtcp.ReceptionReport{LastSequenceNumber: r.highest, TotalLost: r.lost})
		if tracker.sum.Expected != r.expected || tracker.sum.Lost != r.sum {
			t.Errorf("%s: %+v, want %d expected and %d lost", r.what, tracker.sum, r.expected, r.sum)
		}
	}
}
