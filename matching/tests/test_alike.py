from matching import alike
from matching.tests.pictures import FACTS, phantom, resized


def test_copies_of_a_film_are_told_from_films_of_others():
    film = phantom().image
    own = alike.difference_hash(film)
    copies = [
        resized(film, 0.5, 0.5, 60),
        film.point([min(255, value * 4 // 5 + 20) for value in range(256)]),
    ]
    others = [phantom(number).image for number in range(4, len(FACTS), 4)]

    near = [alike.bits_apart(own, alike.difference_hash(one)) for one in copies]
    far = [alike.bits_apart(own, alike.difference_hash(one)) for one in others]
    assert max(near) < 0.8 * alike.COPY_BITS
    assert min(far) > 1.5 * alike.COPY_BITS
