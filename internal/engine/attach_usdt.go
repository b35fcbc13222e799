package engine

import (
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// usdtPlaces finds the places of a USDT probe in its binary. The kernel counts
// the semaphores up while it is attached.
func usdtPlaces(bin *symbol.Binary, path string, point *compile.Point) ([]userPlace, error) {
	ap := point.AP.Parsed
	pattern := ap.Func
	if ap.Ns != "" {
		pattern = ap.Ns + ":" + ap.Func
	}
	probes, err := bin.USDTProbes(pattern)
	if err != nil {
		return nil, err
	}
	var places []userPlace
	for _, probe := range probes {
		for _, l := range probe.Locations {
			places = append(places, userPlace{
				path: path, offset: l.FileOffset, counter: l.SemaphoreOffset, cookie: point.Cookie, point: point,
			})
		}
	}
	return places, nil
}
