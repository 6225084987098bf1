// SPDX-License-Identifier: Apache-2.0

package events

import "testing"

func TestReasons(t *testing.T) {
	reasons := Reasons()
	if len(reasons) != int(reasonCount) || reasons[0] != ReasonRecursion || reasons[reasonCount-1] != ReasonShutdown {
		t.Errorf("got %v", reasons)
	}
}

// What waits in the queue is not taken for smaller than it is.
func TestMetricsSize(t *testing.T) {
	var l Ledger
	few := Event{Metrics: &Metrics{Balance: l.Read()}}
	for _, k := range Kinds() {
		l.Generated(k, 1)
		l.Dropped(ReasonQueueFull, k, 1)
	}
	many := Event{Metrics: &Metrics{Balance: l.Read()}}
	if none := (&Event{}).Size(); few.Size() <= none || many.Size() < few.Size()+2*len(Kinds())*64 {
		t.Errorf("without metrics %d bytes, with few %d, with many %d", none, few.Size(), many.Size())
	}
}
