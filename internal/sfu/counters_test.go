package sfu

import "testing"

func TestLossCountersSumIncreasesBetweenReceptionReports(t *testing.T) {
	var c Counters
	c.addReport(Reception{}, Reception{Expected: 100, Lost: 7})
	c.addReport(Reception{Expected: 100, Lost: 7}, Reception{Expected: 150, Lost: 5}) // two packets arrived late
	c.addReport(Reception{Expected: 150, Lost: 5}, Reception{Expected: 150, Lost: 9})
	if c.ReportedExpected.Load() != 150 || c.ReportedLost.Load() != 11 {
		t.Errorf("%d of %d lost", c.ReportedLost.Load(), c.ReportedExpected.Load())
	}
}
