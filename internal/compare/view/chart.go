// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"math"
	"time"

	"sensor/internal/compare"
)

// A bars chart has one bar for each row, made of parts one after the other.
// Lengths are in the units of the drawing.
type bars struct {
	Width, Height float64
	Rows          []bar
	Legend        []part // the class and the name of each kind of part
}

type bar struct {
	Label string
	Y     float64
	Parts []part
	Note  string
	NoteX float64
}

type part struct {
	Class, Name string
	X, Width    float64
	Count       string
}

// What bars are drawn with.
const (
	barStep    = 26.0
	barLabel   = 250.0 // room for labels
	barLength  = 500.0
	chartWidth = 900.0
)

// A value is a part of a bar before it is drawn.
type value struct {
	class, name string
	size        float64
	text        string
}

func counted(class, name string, n uint64) value { return value{class, name, float64(n), count(n)} }

// barRow is a bar before it is drawn.
type barRow struct {
	label, note string
	values      []value
}

// drawBars draws the rows to one scale, or each to its own whole if that is wanted.
func drawBars(rows []barRow, shares bool) *bars {
	if len(rows) == 0 {
		return nil
	}
	total := func(row barRow) (n float64) {
		for _, v := range row.values {
			n += v.size
		}
		return n
	}
	var longest float64
	for _, row := range rows {
		longest = max(longest, total(row))
	}
	chart := &bars{Width: chartWidth, Height: float64(len(rows)) * barStep}
	known := map[string]bool{}
	for i, row := range rows {
		whole := longest
		if shares {
			whole = total(row)
		}
		drawn := bar{Label: row.label, Y: float64(i) * barStep, Note: row.note}
		x := barLabel
		for _, v := range row.values {
			if v.size == 0 {
				continue
			}
			// What is there is seen, however small its share.
			width := max(v.size/whole*barLength, 2)
			drawn.Parts = append(drawn.Parts, part{v.class, v.name, x, width, v.text})
			x += width
			known[v.class] = true
		}
		if shares {
			x = max(x, barLabel+barLength)
		}
		drawn.NoteX = x + 8
		chart.Rows = append(chart.Rows, drawn)
	}
	for _, v := range rows[0].values {
		if known[v.class] {
			chart.Legend = append(chart.Legend, part{Class: v.class, Name: v.name})
		}
	}
	return chart
}

// kindBars shows who has seen the events of each kind.
func kindBars(r *compare.Report) *bars {
	var rows []barRow
	for _, k := range r.Kinds {
		row := barRow{label: k.Kind, values: []value{
			counted("both", "both", k.Both),
			counted("rule", "right by a rule", k.RuledTotal()),
			counted("open", "undecided", k.UndecidedTotal()),
			counted("a", "only "+clip(r.A.Name, 40), k.A.Only),
			counted("b", "only "+clip(r.B.Name, 40), k.B.Only),
		}}
		row.note = count(k.Both) + " both"
		if alone := k.A.Only + k.B.Only; alone > 0 {
			row.note += ", " + count(alone) + " alone"
		}
		rows = append(rows, row)
	}
	return drawBars(rows, true)
}

// maxBars is how many fields the page draws; the table has all.
const maxBars = 30

// fieldBars shows how the fields that do not agree in all pairs compare.
func fieldBars(r *compare.Report) *bars {
	odd, _ := oddFields(r)
	var rows []barRow
	for _, f := range odd[:min(len(odd), maxBars)] {
		row := barRow{label: clip(f.Field, 32), values: []value{
			counted("both", "agree", f.Agree),
			counted("rule", "right by a rule", sum(f.Rules)),
			counted("a", "not in "+clip(r.A.Name, 40), f.LackedA),
			counted("b", "not in "+clip(r.B.Name, 40), f.LackedB),
			counted("differ", "differ", f.Differ),
		}}
		if f.Differ > 0 {
			row.note = count(f.Differ) + " differ"
		}
		rows = append(rows, row)
	}
	return drawBars(rows, true)
}

// costBars shows what an event costs; nil if nobody measured it.
func costBars(r *compare.Report) *bars {
	var rows []barRow
	for _, s := range sidesOf(r) {
		if s.PerEvent == nil {
			continue
		}
		rows = append(rows, barRow{label: clip(s.Name, 32), note: duration(s.PerEvent.CPU + s.PerEvent.Kernel), values: []value{
			{"cpu", "CPU of the source's process", float64(s.PerEvent.CPU), duration(s.PerEvent.CPU)},
			{"kernel", "kernel, for others' calls", float64(s.PerEvent.Kernel), duration(s.PerEvent.Kernel)},
		}})
	}
	return drawBars(rows, false)
}

// taxBars shows what calls take that no source is interested in.
func taxBars(r *compare.Report) *bars {
	var rows []barRow
	for _, t := range r.Tax {
		for _, with := range [...]struct {
			class, name string
			took        time.Duration
		}{{"none", "with neither", t.None}, {"a", "with " + clip(r.A.Name, 40), t.A}, {"b", "with " + clip(r.B.Name, 40), t.B}, {"kernel", "with both", t.Both}} {
			if with.took > 0 {
				rows = append(rows, barRow{label: clip(t.Call, 12) + " " + with.name, note: duration(with.took),
					values: []value{{with.class, with.name, float64(with.took), duration(with.took)}}})
			}
		}
	}
	chart := drawBars(rows, false)
	if chart != nil {
		chart.Legend = nil // the labels say it
	}
	return chart
}

// A curves chart shows how often something took how long, on a scale of powers of ten.
type curves struct {
	Width, Height, Left, Right, Bottom float64
	Curves                             []curve
	Ticks                              []tick
}

type curve struct {
	Class, Name, Points string
	Marks               []mark // p50 and p99
}

// A mark is a text that begins or ends (Anchor) where it points to.
type mark struct {
	tick
	Anchor string
}

type tick struct {
	X, Y float64
	Text string
}

// perDecade is how many steps a power of ten has.
const perDecade = 8

// delayCurves shows the delays of each side over all kinds; nil if there are none.
func delayCurves(r *compare.Report) *curves {
	var steps [2]map[int]float64
	var totals [2]float64
	low, high := math.MaxInt, math.MinInt
	for i, s := range sidesOf(r) {
		steps[i] = map[int]float64{}
		for _, k := range r.Kinds {
			if d := s.of(k).Delay; d != nil {
				for _, b := range d.Buckets {
					step := int(math.Floor(math.Log10(max(float64(b.UpTo), 1000)) * perDecade))
					steps[i][step] += float64(b.Count)
					totals[i] += float64(b.Count)
					low, high = min(low, step), max(high, step)
				}
			}
		}
	}
	if low > high {
		return nil
	}
	// Whole powers of ten.
	low, high = low/perDecade*perDecade, (high/perDecade+1)*perDecade
	c := &curves{Width: chartWidth, Height: 240, Left: 20, Right: chartWidth - 20, Bottom: 200}
	x := func(step float64) float64 {
		return c.Left + (step-float64(low))/float64(high-low)*(c.Right-c.Left)
	}
	var highest float64
	for i := range steps {
		for _, n := range steps[i] {
			highest = max(highest, n/totals[i])
		}
	}
	for i, s := range sidesOf(r) {
		if totals[i] == 0 {
			continue
		}
		drawn := curve{Class: [2]string{"a", "b"}[i], Name: clip(s.Name, 40)}
		drawn.Points = fmt.Sprintf("%.1f,%.1f", x(float64(low)), c.Bottom)
		var passed float64
		for step := low; step < high; step++ {
			y := c.Bottom - steps[i][step]/totals[i]/highest*(c.Bottom-40)
			drawn.Points += fmt.Sprintf(" %.1f,%.1f %.1f,%.1f", x(float64(step)), y, x(float64(step)+1), y)
			for _, q := range [...]struct {
				text, anchor string
				at, aside    float64
			}{{"p50 ▾", "end", 0.5, 5}, {"▾ p99", "start", 0.99, -5}} {
				if before := passed / totals[i]; before < q.at && q.at <= (passed+steps[i][step])/totals[i]+1e-9 {
					drawn.Marks = append(drawn.Marks, mark{tick{x(float64(step)+0.5) + q.aside, 14 + 14*float64(i), q.text}, q.anchor})
				}
			}
			passed += steps[i][step]
		}
		drawn.Points += fmt.Sprintf(" %.1f,%.1f", x(float64(high)), c.Bottom)
		c.Curves = append(c.Curves, drawn)
	}
	for step := low; step <= high; step += perDecade {
		c.Ticks = append(c.Ticks, tick{x(float64(step)), c.Bottom, axis(step / perDecade)})
	}
	return c
}

// axis is a power of ten in ns.
func axis(power int) string {
	return [...]string{"1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"}[min(power, 11)]
}
