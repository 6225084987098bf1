// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strconv"
	"strings"

	"sensor/internal/events"
)

// ByStatus sums requests up under few names, whatever the other end answers: the
// usual statuses, else their class (4xx), "other", and "none" for those without
// an answer, whose status is 0. Every name is there, in order.
func ByStatus(requests map[int]uint64) []events.StatusCount {
	usual := []int{200, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504}
	sums := map[string]uint64{"none": 0, "other": 0, "1xx": 0, "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0}
	for _, status := range usual {
		sums[strconv.Itoa(status)] = 0
	}
	for status, n := range requests {
		name := "other"
		switch {
		case status == 0:
			name = "none"
		case slices.Contains(usual, status):
			name = strconv.Itoa(status)
		case status >= 100 && status <= 599:
			name = strconv.Itoa(status/100) + "xx"
		}
		sums[name] += n
	}
	list := make([]events.StatusCount, 0, len(sums))
	for name, n := range sums {
		list = append(list, events.StatusCount{Status: name, Count: n})
	}
	slices.SortFunc(list, func(a, b events.StatusCount) int { return strings.Compare(a.Status, b.Status) })
	return list
}
