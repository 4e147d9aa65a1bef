package life

import (
	"sort"

	"cairn/sample/figure"
)

// The curves give the middle of the population by months of age, index 0 for boys and men, 1 for girls and women: heights
// in mm and weights in hg after the WHO (to 5 years) and CDC (to 18 years) growth charts, rounded.
var (
	heights = [2]figure.Curve{
		{{0, 499}, {1, 547}, {2, 584}, {4, 639}, {6, 676}, {9, 720}, {12, 757}, {18, 823}, {24, 871}, {36, 961}, {48, 1033}, {60, 1100},
			{72, 1160}, {84, 1217}, {96, 1273}, {108, 1326}, {120, 1378}, {132, 1431}, {144, 1491}, {156, 1560}, {168, 1632}, {180, 1690},
			{192, 1729}, {204, 1752}, {216, 1761}},
		{{0, 491}, {1, 537}, {2, 571}, {4, 621}, {6, 657}, {9, 701}, {12, 740}, {18, 807}, {24, 864}, {36, 951}, {48, 1027}, {60, 1094},
			{72, 1151}, {84, 1208}, {96, 1266}, {108, 1325}, {120, 1386}, {132, 1450}, {144, 1512}, {156, 1571}, {168, 1600}, {180, 1618},
			{192, 1625}, {204, 1629}, {216, 1632}},
	}
	weights = [2]figure.Curve{
		{{0, 33}, {1, 45}, {2, 56}, {4, 70}, {6, 79}, {9, 89}, {12, 96}, {18, 109}, {24, 122}, {36, 143}, {48, 163}, {60, 183}, {72, 207},
			{84, 229}, {96, 256}, {108, 286}, {120, 320}, {132, 360}, {144, 405}, {156, 456}, {168, 510}, {180, 560}, {192, 608}, {204, 645},
			{216, 670}},
		{{0, 32}, {1, 42}, {2, 51}, {4, 64}, {6, 73}, {9, 82}, {12, 89}, {18, 102}, {24, 115}, {36, 139}, {48, 161}, {60, 182}, {72, 202},
			{84, 224}, {96, 250}, {108, 284}, {120, 320}, {132, 366}, {144, 415}, {156, 458}, {168, 494}, {180, 521}, {192, 540}, {204, 554},
			{216, 566}},
	}
	heads = [2]figure.Curve{
		{{0, 345}, {1, 373}, {2, 391}, {4, 416}, {6, 433}, {9, 450}, {12, 461}, {18, 474}, {24, 483}},
		{{0, 339}, {1, 365}, {2, 383}, {4, 406}, {6, 422}, {9, 438}, {12, 449}, {18, 462}, {24, 472}},
	}
	lungs   = figure.Curve{{0, 40}, {12, 28}, {60, 22}, {120, 19}, {216, 15}}
	pulses  = figure.Curve{{0, 138}, {3, 135}, {12, 115}, {60, 95}, {120, 82}, {216, 71}}
	reds    = [2]figure.Curve{{{0, 165}, {3, 115}, {24, 121}, {144, 135}, {204, 152}}, {{0, 165}, {3, 115}, {24, 121}, {144, 132}, {204, 137}}}
	kidneys = [2]figure.Curve{{{0, 30}, {120, 50}, {216, 92}, {1080, 98}}, {{0, 30}, {120, 48}, {216, 72}, {1080, 80}}}
)

// norms holds what the middle of the population has at an age in months, by measure and sex. Measures that are computed
// from others have none.
var norms = [measureCount][2]figure.Curve{
	Height: heights, Weight: weights, headSize: heads, haemoglobin: reds, creatinine: kidneys,
	heartRate:       alike(pulses...),
	breathing:       alike(lungs...),
	Systolic:        alike(figure.Point{0, 75}, figure.Point{12, 86}, figure.Point{36, 91}, figure.Point{120, 103}, figure.Point{216, 115}, figure.Point{480, 120}, figure.Point{1080, 136}),
	Diastolic:       alike(figure.Point{0, 42}, figure.Point{12, 48}, figure.Point{36, 54}, figure.Point{120, 63}, figure.Point{216, 72}, figure.Point{600, 78}, figure.Point{1080, 74}),
	cholesterol:     alike(figure.Point{0, 150}, figure.Point{216, 160}, figure.Point{600, 196}, figure.Point{1080, 190}),
	temperature:     alike(figure.Point{0, 367}),
	saturation:      alike(figure.Point{0, 98}),
	haemoglobinA1c:  alike(figure.Point{0, 52}, figure.Point{1080, 55}),
	urea:            alike(figure.Point{0, 12}, figure.Point{1080, 17}),
	sodium:          alike(figure.Point{0, 140}),
	potassium:       alike(figure.Point{0, 42}),
	albumin:         alike(figure.Point{0, 9}),
	highDensity:     alike(figure.Point{0, 54}),
	triglyceride:    alike(figure.Point{0, 80}, figure.Point{600, 125}),
	leukocytes:      alike(figure.Point{0, 95}, figure.Point{120, 72}),
	platelets:       alike(figure.Point{0, 270}),
	thyrotropin:     alike(figure.Point{0, 19}),
	reactiveProtein: alike(figure.Point{0, 2}),
	troponin:        alike(figure.Point{0, 1}),
	airflow:         alike(figure.Point{0, 86}, figure.Point{1080, 77}),
	moodScore:       alike(figure.Point{0, 3}),
}

// alike is a norm that is the same for both sexes.
func alike(points ...figure.Point) [2]figure.Curve { return [2]figure.Curve{points, points} }

// Sex is the index of what is told apart by sex: 0 for men, 1 for women.
func Sex(female bool) int {
	if female {
		return 1
	}
	return 0
}

// filtration returns the estimated glomerular filtration rate in mL/min/1.73 m2 from creatinine in hundredths of mg/dL
// (CKD-EPI 2021, N Engl J Med 2021;385:1737-49), rounded to a whole number of at most 140.
func filtration(creatinine, age int, female bool) int {
	kappa, alpha, sex := 90, int64(-302), int64(0)
	if female {
		kappa, alpha, sex = 70, -241, figure.Log2(1012, 1000)
	}
	if creatinine > kappa {
		alpha = -1200
	}
	rate := figure.Log2(142, 1) + alpha*figure.Log2(creatinine, kappa)/1000 + int64(age)*figure.Log2(9938, 10000) + sex
	return sort.Search(140, func(n int) bool { return figure.Log2(2*n+1, 2) > rate })
}
