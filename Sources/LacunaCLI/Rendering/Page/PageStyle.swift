/// The style of the page, and the patterns that its states are drawn with.
enum PageStyle {
    /// The whole style. It asks for nothing from elsewhere.
    static let css = """
        :root { color-scheme: light dark; \(PagePalette.light.properties) }
        @media screen and (prefers-color-scheme: dark) { :root { \(PagePalette.dark.properties) } }
        * { box-sizing: border-box; }
        html { font-size: clamp(15px, .35vw + 11px, 20px); }
        body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
        font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
        main { max-width: 96rem; margin: 0 auto; padding: 2rem 1.2rem 4rem; }
        h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .2rem; }
        h2 { font-size: 1.2rem; margin: 0; }
        h3 { font-size: 1rem; margin: 1.1rem 0 .3rem; }
        p { margin: .3rem 0; }
        a { color: var(--link); text-underline-offset: .15em; }
        :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
        .soft { color: var(--soft); }
        .bad { color: var(--bad); }
        .good { color: var(--good); }
        .whole { white-space: nowrap; }
        .tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; margin: 1.3rem 0; padding: 0; list-style: none; }
        .tiles li, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .tiles li { padding: .8rem 1rem; }
        .tiles strong { display: block; font-size: 1.6rem; line-height: 1.25; }
        nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; list-style: none; margin: 0 0 1.3rem; padding: 0; }
        .card { padding: 1.1rem 1.3rem; margin: 0 0 1.3rem; }
        .head { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; }
        .badge { font-size: .87rem; font-weight: 600; border: 1px solid; border-radius: 99px; padding: 0 .6rem; }
        .strips { list-style: none; margin: 1rem 0 0; padding: 0; }
        .strips li { display: grid; grid-template-columns: 11rem 1fr 4.5rem 15rem; column-gap: 1rem; align-items: center;
        padding: .15rem 0; }
        .strips.alone li { grid-template-columns: 1fr 4.5rem 15rem; }
        .strips .name { font-weight: 600; }
        .strips .share { text-align: right; }
        .strips svg { grid-column: 2; }
        .strips.alone svg { grid-column: 1; }
        svg { display: block; width: 100%; }
        .strip { height: 24px; background: linear-gradient(var(--line), var(--line)) 0 50% / 100% 1px no-repeat; }
        .axis { height: 26px; overflow: visible; }
        .axis line { stroke: var(--soft); }
        .axis text, .grid text { fill: var(--soft); }
        .axis text { font-size: 12px; text-anchor: middle; }
        .axis .first { text-anchor: start; }
        .axis .last { text-anchor: end; }
        .defs { position: absolute; width: 0; height: 0; }
        .legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .8rem 0 0; padding: 0;
        font-size: .87rem; color: var(--soft); }
        .legend li { display: flex; align-items: center; gap: .4rem; }
        .legend svg { width: 20px; height: 24px; flex: none; }
        rect.u-covered { fill: var(--covered); }
        rect.u-missing { fill: var(--missing); stroke: var(--missing); stroke-width: 1.5px; }
        rect.u-thin { fill: url(#k-thin); stroke: var(--thin); stroke-width: 1.5px; }
        rect.u-marked { fill: url(#k-marked); stroke: var(--marked); stroke-width: 1.5px; }
        rect.u-provisional { fill: url(#k-provisional); stroke: var(--provisional); stroke-width: 1.5px; }
        rect.u-behind { fill: url(#k-behind); stroke: var(--behind); stroke-width: 1.5px; }
        rect.u-accepted { fill: url(#k-accepted); stroke: var(--accepted); stroke-width: 1.5px; }
        rect.u-empty { fill: url(#k-empty); }
        rect.u-unexpected { fill: none; }
        rect.u-notDue { fill: url(#k-notDue); }
        path { fill: none; stroke-width: 10; stroke-dasharray: 10 2; }
        path.u-covered { stroke: var(--covered); }
        path.u-missing { stroke: var(--missing); stroke-width: 12; stroke-dasharray: none; }
        path.u-thin { stroke: var(--thin); stroke-dasharray: 5 7; }
        path.u-marked { stroke: url(#k-marked); }
        path.u-provisional { stroke: url(#k-provisional); }
        path.u-behind { stroke: url(#k-behind); }
        path.u-accepted { stroke: url(#k-accepted); }
        path.u-empty { stroke: var(--empty); stroke-width: 4; stroke-dasharray: 4 8; stroke-dashoffset: -3; }
        path.u-unexpected { stroke: var(--line); stroke-width: 2; stroke-dasharray: 2 10; stroke-dashoffset: -4; }
        path.u-notDue { stroke: var(--notDue); stroke-width: 7; stroke-dasharray: 1 11; stroke-dashoffset: -4.5; }
        .more { border-top: 1px solid var(--line); margin-top: .8rem; padding-top: .6rem; }
        summary { cursor: pointer; }
        .more > summary { font-weight: 600; }
        .more details { margin-top: .6rem; }
        .gaps { list-style: none; margin: .5rem 0; padding: 0; }
        .gaps li { display: grid; grid-template-columns: 20rem 8rem 8rem 1fr; gap: 0 1rem; padding: .3rem 0;
        border-bottom: 1px solid var(--line); }
        .gaps b { font-weight: 600; }
        .runs { margin: .5rem 0; padding: 0 0 0 1.2rem; }
        code { font: .9em/1.5 ui-monospace, monospace; background: var(--code); border-radius: 5px; padding: .1rem .4rem;
        white-space: pre-wrap; user-select: all; -webkit-user-select: all; box-decoration-break: clone; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0; }
        dt { color: var(--soft); }
        dd { margin: 0; }
        .grids { display: flex; flex-wrap: wrap; gap: 1rem 2rem; margin: .6rem 0; }
        .grid { margin: 0; flex: 0 1 auto; }
        .grid figcaption { font-weight: 600; font-size: .9rem; }
        .grid text { font-size: 10px; }
        .grid .row { text-anchor: end; }
        @media (max-width: 60rem) {
        .strips li { grid-template-columns: 1fr auto; }
        .strips.alone li { grid-template-columns: 1fr auto; }
        .strips svg, .strips.alone svg { grid-column: 1 / -1; grid-row: 2; }
        .strips .text { grid-column: 1 / -1; grid-row: 3; font-size: .87rem; }
        .strips.alone .share { text-align: left; grid-row: 1; }
        .strips li + li { margin-top: .5rem; }
        .gaps li { grid-template-columns: 1fr auto; }
        .gaps .cause { grid-column: 1 / -1; }
        }
        @media (max-width: 40rem) {
        main { padding: 1.2rem .7rem 3rem; }
        .card { padding: .9rem .8rem; }
        .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
        .axis .second { display: none; }
        .year text { font-size: 17px; }
        }
        @media print {
        body { background: none; }
        main { max-width: none; padding: 0; }
        .card, .tiles li { border-color: #999; }
        .strips li, .gaps li, .grid, .tiles { break-inside: avoid; }
        h2, h3, summary { break-after: avoid; }
        details::details-content { content-visibility: visible; block-size: auto; }
        svg, .badge, code { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        }
        """

    /// What states are filled with that have more than a colour. Strips and pictures of single units share them.
    static let patterns = """
        <svg class="defs" aria-hidden="true" focusable="false"><defs>
        <pattern id="k-marked" width="6" height="4" patternUnits="userSpaceOnUse"><rect width="6" height="4" \
        style="fill:var(--ground)"/><rect width="6" height="2" style="fill:var(--marked)"/></pattern>
        <pattern id="k-provisional" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" \
        style="fill:var(--ground)"/><circle cx="3" cy="3" r="1.6" style="fill:var(--provisional)"/></pattern>
        <pattern id="k-behind" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" \
        style="fill:var(--ground)"/><rect x="2" width="2" height="6" style="fill:var(--behind)"/></pattern>
        <pattern id="k-accepted" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
        <rect width="6" height="6" style="fill:var(--ground)"/><rect width="2.5" height="6" style="fill:var(--accepted)"/>\
        </pattern>
        <pattern id="k-empty" width="24" height="24" patternUnits="userSpaceOnUse"><rect width="24" height="24" \
        style="fill:var(--card)"/><rect y="9" width="24" height="6" style="fill:var(--empty)"/></pattern>
        <pattern id="k-thin" width="24" height="24" patternUnits="userSpaceOnUse"><rect width="24" height="24" \
        style="fill:var(--ground)"/><rect y="12" width="24" height="12" style="fill:var(--thin)"/></pattern>
        <pattern id="k-notDue" width="24" height="24" patternUnits="userSpaceOnUse"><rect y="11" width="24" height="2" \
        style="fill:var(--notDue)"/></pattern>
        </defs></svg>
        """
}
