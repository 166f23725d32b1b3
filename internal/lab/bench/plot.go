package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/bench/mta"
)

// plot is a picture of some rows.
type plot struct {
	// part is the place in the page that it stands in, and its name.
	part                   string
	title, across, upwards string
	// octets tells that the numbers across are sizes.
	octets bool
	curves []curve
	// right has curves with a scale of their own.
	rightwards string
	right      []curve
}

// curve is one series.
type curve struct {
	name   string
	points [][2]float64
}

func (p plot) file() string { return p.part + ".svg" }

// plots are the pictures that there are rows for.
func (r *Result) plots() []plot {
	var all []plot
	for _, p := range []plot{
		{part: copies, title: "Sealing a message for 20 recipients, Ed25519", across: "size of the message", octets: true,
			upwards: "processor time in ms", curves: r.curves(copies, everybody, func(row Row) (x, y float64) {
				if row.Key == commonKeys && row.Recipients == 20 {
					return float64(row.Octets), row.CPU.Median * 1e3
				}
				return 0, 0
			})},
		{part: growRecipients, title: "Sealing a message of " + size(commonSize), across: "recipients", upwards: "processor time for each copy in ms",
			curves: r.curves(growRecipients, everybody, func(row Row) (x, y float64) {
				return float64(row.Recipients), row.CPU.Median * 1e3 / float64(row.Recipients)
			})},
		{part: growMessage, title: "Sealing a message for one recipient", across: "size of the message", octets: true,
			upwards: "processor time for each octet in ns",
			curves: r.curves(growMessage, everybody, func(row Row) (x, y float64) {
				return float64(row.Octets), row.CPU.Median * 1e9 / float64(row.Octets)
			})},
		{part: lookup, title: "Looking up a key", across: "certificates in the store", upwards: "processor time in µs",
			curves: r.curves(lookup, []string{openStore, uncached, changed, cached},
				func(row Row) (x, y float64) { return float64(row.Certificates), row.CPU.Median * 1e6 })},
		{part: growSessions, title: "Messages of " + size(commonSize) + " to one recipient", across: "messages at the same time",
			upwards: "processor time of each in ms",
			curves: r.curves(growSessions, []string{sealmilter},
				func(row Row) (x, y float64) { return float64(row.Sessions), row.CPU.Median * 1e3 }),
			rightwards: "memory in MB",
			right: r.curves(growSessions, []string{sealmilter},
				func(row Row) (x, y float64) { return float64(row.Sessions), float64(row.Peak) / mb })},
		{part: growClients, title: "Messages of " + size(commonSize) + " to one recipient through Postfix", across: "clients at the same time",
			upwards: "messages per second",
			curves: r.curves(growClients, []string{string(mta.None), string(mta.NoopUnix), string(mta.SealUnix)},
				func(row Row) (x, y float64) { return float64(row.Sessions), row.Delivery.PerSecond })},
	} {
		if len(p.curves) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// curves are those of several series of a table. Rows whose x is 0 are left out.
func (r *Result) curves(table string, series []string, point func(Row) (x, y float64)) []curve {
	var all []curve
	for _, s := range series {
		c := curve{name: s}
		for _, row := range r.Rows {
			if row.Table != table || row.Series != s {
				continue
			}
			if x, y := point(row); x != 0 {
				c.points = append(c.points, [2]float64{x, y})
			}
		}
		if len(c.points) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// draw writes the files of plots into a folder. It is Debian's gnuplot that draws.
func draw(ctx context.Context, progress io.Writer, folder string, plots []plot) error {
	tree, err := lab.Unpack(ctx, progress, "gnuplot-nox")
	if err != nil {
		return err
	}
	for _, p := range plots {
		cmd := tree.Command(ctx, "/usr/bin/gnuplot-nox", "-")
		cmd.Stdin = strings.NewReader(p.script(filepath.Join(folder, p.file())))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("draw %s: %w\n%s", p.file(), err, stderr.String())
		}
	}
	return nil
}

// script has gnuplot write the picture to a path. Both scales are logarithmic, for everything grows by factors.
func (p plot) script(path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "set terminal svg size 800,450 background rgb 'white'\nset output %s\nset title %s\nset xlabel %s\nset ylabel %s\n",
		quote(path), quote(p.title), quote(p.across), quote(p.upwards))
	b.WriteString("set logscale x\nset logscale y\nset key outside right\nset grid\nset encoding utf8\n")
	if p.octets {
		b.WriteString("set xtics (")
		for n := kb; n <= 100*mb; n *= 10 {
			if n == 1000*kb { // those that are a thousand and a little in binary
				n = mb
			}
			fmt.Fprintf(&b, "%s %d, ", quote(size(n)), n)
		}
		fmt.Fprintf(&b, "%s %d)\n", quote(size(25*mb)), 25*mb)
	}
	if len(p.right) > 0 {
		fmt.Fprintf(&b, "set ytics nomirror\nset y2tics\nset y2label %s\nset y2range [0:*]\n", quote(p.rightwards))
	}
	var drawn []string
	for i, c := range append(p.curves[:len(p.curves):len(p.curves)], p.right...) {
		name, axes := c.name, ""
		switch {
		case i >= len(p.curves):
			name, axes = p.rightwards, " axes x1y2"
		case len(p.right) > 0:
			name = p.upwards
		}
		fmt.Fprintf(&b, "$curve%d << END\n", i)
		for _, point := range c.points {
			fmt.Fprintf(&b, "%g %g\n", point[0], point[1])
		}
		b.WriteString("END\n")
		drawn = append(drawn, fmt.Sprintf("$curve%d with linespoints title %s%s", i, quote(name), axes))
	}
	b.WriteString("plot " + strings.Join(drawn, ", ") + "\n")
	return b.String()
}

// quote makes a string of gnuplot, in which nothing has another meaning.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
