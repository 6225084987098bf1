// SPDX-License-Identifier: Apache-2.0

package view

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"sensor/internal/compare"
)

//go:embed page.html
var page string

// HTML writes the report as one page that needs nothing else.
func HTML(w io.Writer, r *compare.Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"count": count, "duration": duration, "percent": percent, "plain": plain, "sum": sum, "json": func(b []byte) string { return plain(string(b)) },
		"clock": func(t time.Time) string { return t.Format("15:04:05.000000") },
		"delay": func(d *compare.Delay) string {
			if d == nil {
				return "–"
			}
			return duration(d.P50) + " / " + duration(d.P99)
		},
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	odd, same := oddFields(r)
	err = t.Execute(w, struct {
		*compare.Report
		NameA, NameB, During string
		KindBars, FieldBars  *bars
		CostBars, TaxBars    *bars
		Delays               *curves
		Odd                  []compare.FieldReport
		Same                 int
		KernelA, KernelB     []compare.KernelTime
	}{
		Report: r, NameA: clip(r.A.Name, 40), NameB: clip(r.B.Name, 40), During: during(r),
		KindBars: kindBars(r), FieldBars: fieldBars(r), CostBars: costBars(r), TaxBars: taxBars(r), Delays: delayCurves(r),
		Odd: odd, Same: same, KernelA: r.A.Kernel, KernelB: r.B.Kernel,
	})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
