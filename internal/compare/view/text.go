// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sensor/internal/compare"
)

// Text writes the report for a terminal of 100 columns.
func Text(w io.Writer, r *compare.Report) error {
	var b strings.Builder
	a, z := clip(r.A.Name, nameColumns), clip(r.B.Name, nameColumns)
	fmt.Fprintf(&b, "%s and %s%s\n\n", a, z, during(r))
	fmt.Fprintf(&b, "  events  %7s agree  %s of %s\n", percent(r.Agreement.Events), count(r.Agreement.Events.Agree), count(r.Agreement.Events.Of))
	fmt.Fprintf(&b, "  fields  %7s agree  %s of %s\n", percent(r.Agreement.Fields), count(r.Agreement.Fields.Agree), count(r.Agreement.Fields.Of))
	for _, fault := range r.Faults {
		fmt.Fprintf(&b, "  FAULT   %s\n", clip(fault, columns-10))
	}
	textKinds(&b, r, a, z)
	textAlone(&b, r)
	textFields(&b, r, a, z)
	textRules(&b, r)
	textCost(&b, r, a, z)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// nameColumns is how much of a side's name is shown.
const nameColumns = 8

func during(r *compare.Report) string {
	if r.Begin.IsZero() || r.End.IsZero() {
		return ""
	}
	return fmt.Sprintf(", %s, %s", r.Begin.Format(time.DateTime+" UTC"), duration(r.End.Sub(r.Begin)))
}

func textKinds(b *strings.Builder, r *compare.Report, a, z string) {
	b.WriteString("\nEVENTS\n")
	t := table{left: 1}
	t.row("kind", "both", "only "+a, "only "+z, "by rule", "undecided")
	d := table{left: 1}
	d.row("kind", "p50 "+a, "p99", "p50 "+z, "p99")
	for _, k := range r.Kinds {
		t.row(k.Kind, count(k.Both), count(k.A.Only), count(k.B.Only), count(k.RuledTotal()), count(k.UndecidedTotal()))
		a50, a99 := delays(k.A)
		b50, b99 := delays(k.B)
		d.row(k.Kind, a50, a99, b50, b99)
	}
	t.write(b, "  ")
	b.WriteString("\nDELAY, from what happened to its event\n")
	d.write(b, "  ")
}

// delays gives p50 and p99.
func delays(k compare.KindSide) (p50, p99 string) {
	if k.Delay == nil {
		return "-", "-"
	}
	return duration(k.Delay.P50), duration(k.Delay.P99)
}

// textAlone shows examples of what only one has seen.
func textAlone(b *strings.Builder, r *compare.Report) {
	for _, side := range sidesOf(r) {
		t := table{left: 2, last: true}
		t.row("kind", "time", "pid", "")
		var toldLost uint64
		for _, k := range r.Kinds {
			of := side.of(k)
			toldLost += of.ToldLost
			for _, e := range of.Examples {
				t.row(k.Kind, e.Time.Format("15:04:05.000000"), fmt.Sprint(e.PID), plain(e.Summary))
			}
		}
		if len(t.rows) == 1 {
			continue
		}
		fmt.Fprintf(b, "\nONLY %s, examples", strings.ToUpper(clip(side.Name, nameColumns)))
		if toldLost > 0 {
			fmt.Fprintf(b, " (%s of all the other has told as lost)", count(toldLost))
		}
		b.WriteString("\n")
		t.write(b, "  ")
	}
}

func textFields(b *strings.Builder, r *compare.Report, a, z string) {
	odd, same := oddFields(r)
	fmt.Fprintf(b, "\nFIELDS, %d agree in all pairs\n", same)
	if len(odd) == 0 {
		return
	}
	t := table{left: 1}
	t.row("field", "agree", "differ", "by rule", "no "+a, "no "+z)
	for _, f := range odd[:min(len(odd), maxFields)] {
		t.row(clip(f.Field, 34), count(f.Agree), count(f.Differ), count(sum(f.Rules)), count(f.LackedA), count(f.LackedB))
	}
	t.write(b, "  ")
	if len(odd) > maxFields {
		fmt.Fprintf(b, "  and %d more, see --json\n", len(odd)-maxFields)
	}
	for _, f := range odd {
		for i, e := range f.Examples {
			if i == 0 {
				fmt.Fprintf(b, "\n  %s differs\n", clip(f.Field, 60))
			}
			fmt.Fprintf(b, "    %s of pid %d %s\n", e.Kind, e.PID, clip(e.Executable, 50))
			v := table{left: 1, last: true}
			v.row(a, string(e.A))
			v.row(z, string(e.B))
			v.write(b, "      ")
		}
	}
}

// maxFields is how many fields the terminal shows.
const maxFields = 40

// oddFields are those that do not agree in all pairs, the worst first, and how many do.
func oddFields(r *compare.Report) (odd []compare.FieldReport, same int) {
	for _, f := range r.Fields {
		if f.Differ+f.LackedA+f.LackedB+sum(f.Rules) > 0 {
			odd = append(odd, f)
		}
	}
	slices.SortStableFunc(odd, func(a, b compare.FieldReport) int {
		return cmp.Or(cmp.Compare(b.Differ, a.Differ), cmp.Compare(b.LackedA+b.LackedB, a.LackedA+a.LackedB), strings.Compare(a.Field, b.Field))
	})
	return odd, len(r.Fields) - len(odd)
}

func sum(counts map[string]uint64) uint64 {
	var n uint64
	for _, count := range counts {
		n += count
	}
	return n
}

func textRules(b *strings.Builder, r *compare.Report) {
	if len(r.Rules) == 0 {
		return
	}
	b.WriteString("\nRULES, differences that are right on both sides\n")
	for _, rule := range r.Rules {
		fmt.Fprintf(b, "  %-18s %9s %s\n", rule.Name, count(rule.Count), rule.Of)
		for _, line := range wrap(rule.Reason, columns-6) {
			fmt.Fprintf(b, "      %s\n", line)
		}
	}
}

// wrap breaks a text of ours into lines.
func wrap(s string, columns int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && width(line)+1+width(word) > columns {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func textCost(b *strings.Builder, r *compare.Report, a, z string) {
	b.WriteString("\nCOST\n")
	t := table{left: 1}
	t.row("", a, z)
	sides := sidesOf(r)
	line := func(name string, value func(side) string) {
		if first, second := value(sides[0]), value(sides[1]); first != "-" || second != "-" {
			t.row(name, first, second)
		}
	}
	line("events", func(s side) string { return count(s.Seen) })
	line("lost, as it counts itself", func(s side) string {
		if s.Balance == nil {
			return "-"
		}
		return count(s.Lost())
	})
	line("left out, of the comparison itself", func(s side) string { return numberOr(s.Ignored) })
	line("not readable", func(s side) string { return numberOr(s.Faulty) })
	line("CPU per event", func(s side) string {
		if s.PerEvent == nil {
			return "-"
		}
		return duration(s.PerEvent.CPU)
	})
	line("kernel time per event", func(s side) string {
		if s.PerEvent == nil || len(s.Kernel) == 0 {
			return "-"
		}
		return duration(s.PerEvent.Kernel)
	})
	line("CPU", func(s side) string { return durationOr(s.CPU) })
	for _, name := range kernelTimes(r) {
		line("kernel time of "+clip(name, 20), func(s side) string {
			for _, k := range s.Kernel {
				if k.Name == name {
					return duration(k.Time)
				}
			}
			return "-"
		})
	}
	line("memory", func(s side) string {
		if s.Memory == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f MiB", float64(s.Memory)/(1<<20))
	})
	for _, tax := range r.Tax {
		t.row(clip(tax.Call, 20)+", "+duration(tax.None)+" with neither", duration(tax.A), duration(tax.B))
	}
	t.write(b, "  ")
}

func numberOr(n uint64) string {
	if n == 0 {
		return "-"
	}
	return count(n)
}

func durationOr(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return duration(d)
}

// kernelTimes are the names of what was measured in the kernel.
func kernelTimes(r *compare.Report) (names []string) {
	for _, k := range slices.Concat(r.A.Kernel, r.B.Kernel) {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	return names
}

// A side of the report with what it has told of a kind.
type side struct {
	*compare.SideReport
	of func(compare.KindReport) compare.KindSide
}

func sidesOf(r *compare.Report) [2]side {
	return [2]side{
		{&r.A, func(k compare.KindReport) compare.KindSide { return k.A }},
		{&r.B, func(k compare.KindReport) compare.KindSide { return k.B }},
	}
}
