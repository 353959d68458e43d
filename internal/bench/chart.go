package bench

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

// The chart's measures, in its own units. Names stand left of the bars, figures
// right of them.
const (
	chartWidth = 880
	barsLeft   = 400
	barsRight  = 700
	rowHeight  = 30
	barHeight  = 14
	chartTop   = 44 // above the first row: the scale
	chartFoot  = 34 // below the last one: the legend
)

// chartStyle has colours that are read on white and on black; a browser says
// which of them is behind the image.
const chartStyle = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.dim { fill: #59636e; font-size: 12px }
.grid { stroke: #d1d9e0 }
.one { stroke: #59636e }
.met { fill: #1f7ab8 }
.missed { fill: #c4540a }
.target { stroke: #1f2328; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.dim { fill: #9198a1 }
.grid { stroke: #3d444d }
.one { stroke: #9198a1 }
.met { fill: #4a9fd8 }
.missed { fill: #e8853d }
.target { stroke: #f0f6fc }
}
</style>
`

// Chart draws results as SVG: for each measure a bar as long as the client's
// ratio to the same contract, and a mark where the goal is.
func Chart(results []Result) string {
	top, step := 1.0, 0.5
	for _, r := range results {
		mid, _, _ := r.Ratio()
		top = max(top, mid, Goal)
	}
	for top/step > 8 { // as many figures as the scale has room for
		step *= 2
	}
	top = math.Ceil(top/step) * step
	x := func(ratio float64) float64 { return barsLeft + ratio/top*(barsRight-barsLeft) }

	bottom := chartTop + rowHeight*len(results)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title">`+"\n",
		chartWidth, bottom+chartFoot)
	b.WriteString("<title id=\"title\">What the client costs, as a multiple of the same contract done with the bare library</title>\n" + chartStyle)
	fmt.Fprintf(&b, `<text class="dim" x="%d" y="%d" text-anchor="end">client ÷ same contract, shorter is better</text>`+"\n", barsLeft-24, chartTop-16)
	for ratio := 0.0; ratio <= top; ratio += step {
		class := "grid"
		if ratio == 1 {
			class = "one" // as much as the same contract
		}
		fmt.Fprintf(&b, `<path class="%s" d="M%.1f %dV%d"/>`+"\n", class, x(ratio), chartTop-8, bottom)
		fmt.Fprintf(&b, `<text class="dim" x="%.1f" y="%d" text-anchor="middle">%v ×</text>`+"\n", x(ratio), chartTop-16, ratio)
	}
	for i, r := range results {
		r.row(&b, x, chartTop+rowHeight*i)
	}
	legend(&b, bottom+22)
	b.WriteString("</svg>\n")
	return b.String()
}

// row draws one measure, at y and below.
func (r Result) row(b *strings.Builder, x func(float64) float64, y int) {
	mid, _, _ := r.Ratio()
	class, verdict := "met", ""
	if !r.GoalMet() {
		class, verdict = "missed", " missed" // not by the colour alone
	}
	bar := y + (rowHeight-barHeight)/2
	baseline := y + rowHeight/2 + 5
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barsLeft-10, baseline, html.EscapeString(r.Name))
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", class, barsLeft, bar, x(mid)-barsLeft, barHeight)
	fmt.Fprintf(b, `<path class="target" d="M%.1f %dV%d"/>`+"\n", x(Goal), bar-4, bar+barHeight+4)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s<tspan class="dim">%s</tspan></text>`+"\n", barsRight+12, baseline, stat.Digits(mid), verdict)
}

// legend says what the colours and marks are, at y.
func legend(b *strings.Builder, y int) {
	x := barsLeft
	for _, sign := range []struct{ class, text string }{{"met", "within the goal"}, {"missed", "beyond it"}} {
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="24" height="10" rx="2"/>`+"\n", sign.class, x, y-10)
		fmt.Fprintf(b, `<text class="dim" x="%d" y="%d">%s</text>`+"\n", x+32, y, sign.text)
		x += 150
	}
	fmt.Fprintf(b, `<path class="target" d="M%d %dV%d"/>`+"\n", x-10, y-12, y+2)
	fmt.Fprintf(b, `<text class="dim" x="%d" y="%d">goal: %v</text>`+"\n", x, y, Goal)
}
