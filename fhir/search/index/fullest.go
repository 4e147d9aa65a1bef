package index

// Fullest returns the search parameter under which a resource has the most values, the first in alphabet of several,
// and how many; "" and 0 if it has none.
func (x *Index) Fullest() (param string, values int) {
	count := make(map[string]int)
	for i := range x.Tokens {
		count[x.Tokens[i].Param]++
	}
	for i := range x.Dates {
		count[x.Dates[i].Param]++
	}
	for i := range x.References {
		count[x.References[i].Param]++
	}
	for i := range x.Texts {
		count[x.Texts[i].Param]++
	}
	for i := range x.Numbers {
		count[x.Numbers[i].Param]++
	}
	for i := range x.Quantities {
		count[x.Quantities[i].Param]++
	}
	for i := range x.URIs {
		count[x.URIs[i].Param]++
	}
	for name, n := range count {
		if n > values || n == values && name < param {
			param, values = name, n
		}
	}
	return param, values
}
