package search

import "math"

const earthRadius = 6_371_008.8 // metres, the mean radius of WGS 84

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
