package search

import (
	"math"
	"strconv"
)

const earthRadius = 6_371_008.8 // metres, the mean radius of WGS 84

// metres is the units in which a distance can be asked for.
var metres = map[string]float64{"": 1000, "km": 1000, "m": 1, "cm": 0.01, "[mi_us]": 6_336_000.0 / 3937, "[mi_i]": 1609.344, "[ft_us]": 1200.0 / 3937, "[ft_i]": 0.3048}

const usualDistance = 10_000 // metres, where none is asked for: the standard leaves it to the server

// addPlace reads latitude|longitude|distance|unit (http://hl7.org/fhir/R4/location.html#positional).
func addPlace(c *Clause, part string) error {
	pieces := split(part, '|')
	form := mistake(c.Param, "Send latitude|longitude, or latitude|longitude|distance, or latitude|longitude|distance|unit, in degrees, with km, m, [mi_us] or [ft_us] as unit.")
	if len(pieces) < 2 || len(pieces) > 4 {
		return form
	}
	v := PlaceValue{Metres: usualDistance}
	var north, east bool
	v.Latitude, north = degrees(pieces[0], 90)
	v.Longitude, east = degrees(pieces[1], 180)
	if !north || !east {
		return form
	}
	if len(pieces) > 2 {
		unit := ""
		if len(pieces) == 4 {
			unit = unescape(pieces[3])
		}
		f, err := strconv.ParseFloat(pieces[2], 64)
		if err != nil || metres[unit] == 0 || !(f >= 0) || math.IsInf(f, 0) {
			return form
		}
		v.Metres = f * metres[unit]
	}
	c.Places = append(c.Places, v)
	return nil
}

func degrees(s string, most float64) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f >= -most && f <= most
}

// meetsPlace reports whether a place lies within the distance asked for, on a sphere.
func meetsPlace(p *Place, v *PlaceValue) bool {
	return distance(p.Latitude, p.Longitude, v.Latitude, v.Longitude) <= v.Metres
}

// distance is that between two positions in metres, by the haversine formula.
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	const degree = math.Pi / 180
	north, east := math.Sin((lat2-lat1)*degree/2), math.Sin((lon2-lon1)*degree/2)
	h := north*north + math.Cos(lat1*degree)*math.Cos(lat2*degree)*east*east
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}
